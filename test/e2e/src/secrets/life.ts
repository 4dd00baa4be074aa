import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@tacet/cli';
import { ApiClient, FakeAgent, fakeIncarnation } from '@tacet/controller/testing';
import { SimulatedGuest } from '@tacet/demo';
import { MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { createLogger, jsonSink, systemClock, Undo } from '@tacet/runtime';
import { KeyRing } from '@tacet/runtime/sealing';
import { Evidence } from './evidence.ts';
import { cliMain, controllerMain, ProcessWatch, type Ran, runProgram, startProgram } from './processes.ts';

/** For what takes a second on a machine that has nothing else to do. */
const waitMs = 120_000;

/** Chosen by the test; the others are made by what is tested. */
export interface GivenSecrets {
  readonly adminPassword: string;
  readonly postgresPassword: string;
  readonly redisPassword: string;
  /** What the second Redis is told, which wants another. */
  readonly wrongRedisPassword: string;
}

interface ClientFile {
  readonly url: string;
  readonly fingerprint: string;
  readonly token: string;
}

/** A controller, its command line, a simulated node and guests with real agents; all that they say is kept. */
export class Life implements AsyncDisposable {
  readonly evidence = new Evidence();
  readonly directory: string;
  readonly sim: PveSim;
  readonly watch: ProcessWatch;
  readonly #undo: Undo;
  readonly #given: GivenSecrets;
  readonly #newGuest: (vmid: number, captured: unknown) => SimulatedGuest;
  readonly #guests: ReadonlyMap<number, SimulatedGuest>;
  #controller: ChildProcess | undefined;
  /** On its standard output. */
  #said = '';

  private constructor(parts: {
    directory: string;
    sim: PveSim;
    undo: Undo;
    given: GivenSecrets;
    newGuest: (vmid: number, captured: unknown) => SimulatedGuest;
    guests: ReadonlyMap<number, SimulatedGuest>;
    evidence: Evidence;
  }) {
    this.directory = parts.directory;
    this.sim = parts.sim;
    this.#undo = parts.undo;
    this.#given = parts.given;
    this.#newGuest = parts.newGuest;
    this.#guests = parts.guests;
    this.evidence = parts.evidence;
    this.watch = new ProcessWatch(this.evidence);
    this.#undo.defer(() => this.watch[Symbol.dispose]());
    this.#undo.defer(() => this.end('SIGKILL'));
  }

  static async begin(given: GivenSecrets): Promise<Life> {
    await using undo = new Undo();
    const directory = await mkdtemp(join(tmpdir(), 'tacet-life-'));
    undo.defer(() => rm(directory, { recursive: true }));
    const evidence = new Evidence();
    const sink = jsonSink((line) => evidence.add('agent log', line));
    const log = createLogger({ sink, level: 'debug' });
    const guests = new Map<number, SimulatedGuest>();
    const newGuest = (vmid: number, captured: unknown): SimulatedGuest => {
      const options = { vmid, directory: join(directory, 'guests'), captured, log };
      const stack = vmid === 102 ? stackThatRefuses(given) : stackWith(given);
      return new SimulatedGuest({ ...options, acknowledge: () => undefined, stack });
    };
    const backend = new MemoryBackend({
      guests: [101, 102].map((vmid) => ({ vmid, config: guestConfig(vmid) })),
      content: (vmid, captured) => {
        const guest = newGuest(vmid, captured);
        guests.set(vmid, guest);
        return guest;
      },
      stepMs: 30,
    });
    const sim = await startPveSim({
      backend,
      storages: [
        { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
        { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
      ],
      users: [{ userid: 'root@pam', password: given.adminPassword }],
      bridges: ['vmbr0'],
      timing: { authDelayMs: 20, proxyTimeoutMs: 1_000, forkMs: 5, statusLagMs: 5, killAfterMs: 100 },
    });
    undo.defer(() => sim[Symbol.asyncDispose]());
    undo.defer(() => Promise.all([...guests.values()].map((guest) => guest.stop())));
    await mkdir(join(directory, 'secrets'), { mode: 0o700 });
    return new Life({ directory, sim, undo: undo.release(), given, newGuest, guests, evidence });
  }

  at(...path: string[]): string {
    return join(this.directory, ...path);
  }

  get clientFile(): string {
    return this.at('state', 'cli.json');
  }

  /** `tacet …`, within this process; what it says is kept. */
  async tacet(line: string, place = 'cli'): Promise<Ran> {
    const ran = { code: -1, out: '', err: '' };
    ran.code = await run({
      argv: line.split(' '),
      env: { TACET_CONTROLLER: this.clientFile },
      stdout: (text) => void (ran.out += text),
      stderr: (text) => void (ran.err += text),
      signal: AbortSignal.timeout(2 * waitMs),
    });
    this.evidence.add(place, `$ tacet ${line}\n${ran.out}${ran.err}`);
    return ran;
  }

  /** The same as a process of its own, which others can see. */
  async tacetProcess(line: string, { input = '', place = 'cli' } = {}): Promise<Ran> {
    const env = { TACET_CONTROLLER: this.clientFile };
    const ran = await runProgram(cliMain, line.split(' '), { env, input });
    this.evidence.add(place, `$ tacet ${line}\n${ran.out}${ran.err}`);
    return ran;
  }

  async provision(words: string, password = this.#given.adminPassword): Promise<Ran> {
    const { url, fingerprint } = this.sim;
    const where = `--url ${url} --fingerprint ${fingerprint} --node pve1`;
    const files = `--secrets ${this.at('secrets')} --key-file ${this.at('state.key')}`;
    return await this.tacetProcess(`--json pve provision ${where} ${files} ${words}`, {
      input: `${password}\n`,
    });
  }

  /** With what `tacet pve provision` printed in its entry of the node. */
  async configure(tokens: object): Promise<void> {
    const node = {
      name: 'pve1',
      url: this.sim.url,
      trust: { fingerprint: this.sim.fingerprint },
      simulated: true,
      storage: 'local',
      restoreStorage: 'btr',
      pollMs: 20,
      ...tokens,
    };
    // Agents find it again after a restart.
    const listen = { address: '127.0.0.1', port: await freePort() };
    const limits = { backupDeadlineMs: 20_000, restoreDeadlineMs: waitMs, readyDeadlineMs: waitMs };
    const config = { listen, stateDir: this.at('state'), nodes: [node], ...limits };
    await writeFile(this.at('controller.json'), JSON.stringify(config));
  }

  /** Until it listens. Its log, with everything in it, is kept. */
  async start(): Promise<void> {
    await rm(this.clientFile, { force: true });
    const args = ['--config', this.at('controller.json'), '--log-level', 'debug'];
    const child = startProgram(controllerMain, args);
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString();
      this.evidence.add('controller log', chunk);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      this.evidence.add('controller stdout', chunk);
    });
    this.#controller = child;
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(50)) {
      if (words.includes('controller ready')) return;
      if (child.exitCode !== null) break;
    }
    throw new Error(`the controller did not start: ${words}`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#controller;
    this.#controller = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  }

  /** Of the link for the first account, which is for who has started the controller. */
  async setupSecret(): Promise<string> {
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(50)) {
      const [, secret] = /#token=([\w-]+)\n/.exec(this.#said) ?? [];
      if (secret !== undefined) return secret;
    }
    throw new Error(`no link was printed: ${this.#said}`);
  }

  /** What a controller says that cannot start. */
  async startInVain(config: string): Promise<Ran> {
    await writeFile(this.at('broken.json'), config);
    const ran = await runProgram(controllerMain, [
      '--config',
      this.at('broken.json'),
      '--log-level',
      'debug',
    ]);
    this.evidence.add('controller log', ran.out + ran.err);
    return ran;
  }

  guest(vmid: number): SimulatedGuest {
    const guest = this.#guests.get(vmid);
    if (guest === undefined) throw new Error(`there is no guest ${vmid}`);
    return guest;
  }

  /** As `pct clone` does it: another guest with the disk of the first, which nobody has told the controller of. */
  async clone(vmid: number, as: number): Promise<void> {
    const captured = await this.guest(vmid).capture();
    const clone = this.#newGuest(as, captured);
    this.#undo.defer(() => clone.stop());
    await clone.start();
  }

  /** Somebody with a credential, who is not that guest's agent. */
  async connect(credential: string, vmid: number): Promise<FakeAgent> {
    const { url, fingerprint } = await this.access();
    const incarnation = fakeIncarnation(vmid, 'bc:24:11:00:00:99');
    const agent = await FakeAgent.connect({ url, fingerprint, credential, incarnation });
    this.#undo.defer(() => agent[Symbol.asyncDispose]());
    return agent;
  }

  async access(): Promise<ClientFile> {
    return JSON.parse(await readFile(this.clientFile, 'utf8')) as ClientFile;
  }

  /** Asks the API; the answer is kept. */
  async ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown, token?: string): Promise<number> {
    const { url, token: own } = await this.access();
    const answer = await new ApiClient(url, token ?? own).call(method, path, body);
    this.evidence.add(`api ${method}`, `${method} ${path}\n${JSON.stringify(answer)}\n`);
    return answer.status;
  }

  async credentialOf(vmid: number): Promise<string> {
    const file = this.at('guests', `guest-${vmid}`, 'identity.json');
    return (JSON.parse(await readFile(file, 'utf8')) as { credential: string }).credential;
  }

  /** An adopted copy writes its own down a moment after it is known under it. */
  async credentialUnlike(original: string, vmid: number): Promise<string> {
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(20)) {
      const credential = await this.credentialOf(vmid);
      if (credential !== original) return credential;
    }
    throw new Error(`guest ${vmid} goes on with the credential of its original`);
  }

  async unsealed(purpose: string, ...path: string[]): Promise<string> {
    const keys = KeyRing.parse(await readFile(this.at('state.key'), 'utf8'));
    const opened = keys.unseal(purpose, await readFile(this.at(...path), 'utf8'));
    if (opened.kind !== 'opened') throw new Error(`${path.join('/')} does not open`);
    return opened.text;
  }

  /** What lies on the controller's disk now, the store's bytes and its log included, and on the guests'. */
  async collectFiles(): Promise<void> {
    await this.evidence.addFiles('state', this.at('state'));
    await this.evidence.addFiles('secrets', this.at('secrets'));
    await this.evidence.addFiles('guests', this.at('guests'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function stackWith({ postgresPassword, redisPassword }: GivenSecrets) {
  return [
    {
      stack: 'shop',
      service: 'db',
      image: 'postgres:17',
      restartPolicy: 'unless-stopped',
      env: [`POSTGRES_PASSWORD=${postgresPassword}`],
    },
    { ...redis, service: 'cache', env: [`REDIS_PASSWORD=${redisPassword}`], password: redisPassword },
    { stack: 'shop', service: 'writer', image: 'tacet-lab/writer:1', restartPolicy: 'no' },
  ] as const;
}

/** Its database wants another password than it was told. */
function stackThatRefuses({ redisPassword, wrongRedisPassword }: GivenSecrets) {
  const env = [`REDIS_PASSWORD=${wrongRedisPassword}`];
  return [
    { ...redis, service: 'cache', env, password: redisPassword },
    { stack: 'shop', service: 'db', image: 'postgres:17', restartPolicy: 'always' },
    { stack: 'shop', service: 'writer', image: 'tacet-lab/writer:1', restartPolicy: 'no' },
  ] as const;
}

const redis = { stack: 'shop', image: 'redis:8', restartPolicy: 'always' } as const;

function guestConfig(vmid: number): Record<string, string | number> {
  return {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    features: 'nesting=1,keyctl=1',
    rootfs: `btr:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:65,type=veth',
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
  };
}
