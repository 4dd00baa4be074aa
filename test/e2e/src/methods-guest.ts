import { DockerEngine } from '@tacet/agent/src/engine/docker-engine.ts';
import { CgroupFreezer } from '@tacet/agent/src/guest/cgroup-freezer.ts';
import { CgroupProcesses } from '@tacet/agent/src/guest/cgroup-processes.ts';
import type { MethodPorts, MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { discover } from '@tacet/agent/src/discovery/compose.ts';
import { compose, type Guest, type Lab, lxcInitPid, openLab, type StackName } from '@tacet/lab';
import { createLogger, prettySink, systemClock } from '@tacet/runtime';

/** A real guest, whose containers a method is tried on from the host. */
export interface MethodsGuest extends AsyncDisposable {
  lab: Lab;
  guest: Guest;
  ports: MethodPorts;
  /** Of a service that runs now. */
  target: (stack: string, service: string) => Promise<MethodTarget>;
  /** A container of the stack `odd`. Its arguments are those of `docker run`, from the options to the command. */
  run: (service: string, ...args: readonly string[]) => Promise<MethodTarget>;
  /** Output of a program in a service's container; throws when it fails. */
  inContainer: (target: MethodTarget, argv: readonly string[], user?: string) => Promise<string>;
}

const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

/**
 * A unix socket, procfs and the cgroups of a guest can be reached through its init's root; process ids are the
 * host's own.
 */
export async function openMethodsGuest(
  vmid: number,
  stack?: { name: StackName; services: readonly string[] },
): Promise<MethodsGuest> {
  await using cleanup = new AsyncDisposableStack();
  const lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
  const guest = await lab.createGuest({ vmid, hostname: `methods-${vmid}` });
  await guest.start();
  await guest.waitForEngine(within(120_000));
  if (stack) {
    const args = ['up', '--detach', '--wait', '--no-deps', ...stack.services];
    const up = await compose(guest, args, within(180_000), stack.name);
    if (up.exitCode !== 0) throw new Error(`the services did not come up: ${up.stderr}`);
  }
  const init = await lxcInitPid(vmid);
  const root = `/proc/${init}/root`;
  const engine = new DockerEngine({ socketPath: `${root}/run/docker.sock` });
  const freezer = freezerFromOutside(root);
  const logger = createLogger({
    sink: prettySink((line) => process.stderr.write(line), { colour: false }),
    level: 'warn',
  });
  const processes = new CgroupProcesses({ viewer: String(init) });
  const target: MethodsGuest['target'] = async (stack, service) => {
    const services = discover(await engine.containers(within(10_000)));
    const found = services.find((one) => one.stack === stack && one.service === service);
    if (!found) throw new Error(`no service ${stack}/${service}`);
    const { container } = found;
    return { stack, service, container, cgroup: await freezer.cgroupOf(container.pid) };
  };
  const kept = cleanup.move();
  return {
    lab,
    guest,
    ports: { engine, freezer, processes, clock: systemClock, logger },
    target,
    async run(service, ...args) {
      const place = { project: 'odd', service };
      const labels = Object.entries(place).map(
        ([name, value]) => `--label=com.docker.compose.${name}=${value}`,
      );
      const started = await guest.exec(['docker', 'run', '--detach', ...labels, ...args]);
      if (started.exitCode !== 0) throw new Error(started.stderr);
      return await target('odd', service);
    },
    async inContainer({ container }, argv, user = 'root') {
      const result = await engine.exec(container.id, { argv, user }, within(60_000));
      if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
      return result.stdout;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** `/proc/<pid>/cgroup` is told from the reader's cgroup namespace, which here is not the guest's. */
function freezerFromOutside(root: string): CgroupFreezer {
  const freezer = new CgroupFreezer({ procPath: `${root}/proc`, cgroupPath: `${root}/sys/fs/cgroup` });
  const seen = freezer.cgroupOf.bind(freezer);
  freezer.cgroupOf = async (pid) => (await seen(pid)).replace(/\/lxc\.payload\.[^/]+/, '');
  return freezer;
}
