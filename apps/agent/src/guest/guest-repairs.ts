import { access } from 'node:fs/promises';
import type { ComposeProject } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import { type ProgramResult, runProgram } from './run-program.ts';

/** What heal can do to a guest beside asking its engine. */
export interface GuestRepairs {
  /**
   * Makes and starts the container of one service, and touches no other; neither downloads nor builds an image.
   * @throws TacetError `not-found` where compose, the project's files or the service are not in this guest
   */
  composeUp(project: ComposeProject, service: string, signal: AbortSignal): Promise<void>;
  /**
   * Asks the guest's init to start the engine, and does not wait for it.
   * @throws TacetError `not-found` where the guest's init is not meant to start one
   */
  startEngine(signal: AbortSignal): Promise<void>;
}

const engineUnit = 'docker.service';
const engineUnits = [engineUnit, 'docker.socket'];

/** By the programs of the guest that this process runs in. */
export function linuxRepairs(engineSocket: string): GuestRepairs {
  const env = { DOCKER_HOST: `unix://${engineSocket}` };
  return {
    async composeUp(project, service, signal) {
      await expectFiles(project);
      const argv = [...composeArgv(project), ...upOptions, '--', service];
      const result = await runProgram(['docker', 'compose', ...argv], env, signal);
      if (result.exitCode !== 0) throw composeFailed(result, project, service);
    },
    async startEngine(signal) {
      const enabled = await runProgram(['systemctl', 'is-enabled', '--quiet', engineUnit], {}, signal);
      if (enabled.exitCode !== 0) {
        throw new TacetError(`${engineUnit} is not enabled: nobody wants it to start by itself`, {
          code: 'not-found',
          hint: `systemctl enable --now ${engineUnit}`,
        });
      }
      // A unit that has failed too often is not started before this.
      await runProgram(['systemctl', 'reset-failed', ...engineUnits], {}, signal);
      const started = await runProgram(['systemctl', 'start', '--no-block', engineUnit], {}, signal);
      if (started.exitCode !== 0) {
        throw new TacetError(`${engineUnit} cannot be started: ${lastLine(started)}`, { code: 'internal' });
      }
    },
  };
}

/** `--pull never`: another version of an image than the one that was backed up may change its data for good. */
const upOptions = ['up', '--detach', '--no-deps', '--no-recreate', '--no-build', '--pull', 'never'];

export function composeArgv({ stack, workingDir, configFiles, envFiles }: ComposeProject): string[] {
  return [
    '--ansi',
    'never',
    '--project-name',
    stack,
    '--project-directory',
    workingDir,
    ...configFiles.flatMap((file) => ['--file', file]),
    ...envFiles.flatMap((file) => ['--env-file', file]),
  ];
}

async function expectFiles({ stack, configFiles, envFiles }: ComposeProject): Promise<void> {
  for (const file of [...configFiles, ...envFiles]) {
    const isThere = await access(file).then(
      () => true,
      // For root, who may look at everything, there is no other reason.
      () => false,
    );
    if (isThere) continue;
    throw new TacetError(`${file} of the stack ${stack} is not in this guest`, {
      code: 'not-found',
      hint: 'Put it back, and run docker compose up --detach beside it.',
    });
  }
}

/** What no second try would change is `not-found`. */
function composeFailed(result: ProgramResult, { stack }: ComposeProject, service: string): TacetError {
  const said = lastLine(result);
  if (/'compose' is not a docker command|unknown (shorthand )?flag|unknown command/.test(result.stderr)) {
    return new TacetError('this guest has no docker compose', {
      code: 'not-found',
      hint: 'Install its package (docker-compose on Debian), and run docker compose up --detach.',
    });
  }
  const isHopeless = /no such service|No such image|pull access denied|image .* not found/i.test(
    result.stderr,
  );
  return new TacetError(`docker compose up ${service} of ${stack}: ${said}`, {
    code: isHopeless ? 'not-found' : 'internal',
    ...(isHopeless && { hint: 'Run docker compose up --detach where the images can be had.' }),
  });
}

function lastLine({ stdout, stderr }: ProgramResult): string {
  return (stderr.trim() || stdout.trim()).split('\n').at(-1)?.trim().slice(0, 200) ?? '';
}
