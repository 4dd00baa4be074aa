import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Agent, agentVersion, enrol, IdentityStore, parseConfig, startAgent } from '@tacet/agent';
import {
  type EngineCapture,
  type MemoryContainerSpec,
  MemoryEngine,
  MemoryGuestHost,
} from '@tacet/agent/memory';
import type { GuestContent } from '@tacet/pve-sim';
import { type Deferred, deferred, type Logger, systemClock } from '@tacet/runtime';
import { simulatedStack, type StreamName, streams } from './stack.ts';

const writeEveryMs = 10;
const enrolDeadlineMs = 30_000;

/** What a snapshot holds: the engine's containers, and the files of the agent's state directory. */
interface Capture {
  engine: EngineCapture;
  files: Record<string, string>;
}

export interface SimulatedGuestOptions {
  vmid: number;
  /** Where the agent's state directory is made. */
  directory: string;
  /** Of the disk that it starts from; undefined for a new guest. */
  captured: unknown;
  /** Called outside the guest with every write that a database acknowledged. */
  acknowledge: (stream: StreamName, value: string) => void;
  log: Logger;
  /** The containers of a new guest. */
  stack?: readonly MemoryContainerSpec[];
}

/**
 * A guest that is an object: the real agent, on an engine and a kernel that are simulated. Its writer writes
 * numbered lines to both databases while its container runs.
 */
export class SimulatedGuest implements GuestContent {
  readonly #options: SimulatedGuestOptions;
  readonly #stateDir: string;
  readonly #captured: Capture | undefined;
  #engine: MemoryEngine | undefined;
  #agent: Agent | undefined;
  #power = new AbortController();
  #frozen: Deferred<void> | undefined;

  constructor(options: SimulatedGuestOptions) {
    this.#options = options;
    this.#stateDir = join(options.directory, `guest-${options.vmid}`);
    // The simulator hands back what `capture` gave it.
    this.#captured = options.captured as Capture | undefined;
  }

  async start(): Promise<void> {
    await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
    if (this.#captured && !this.#engine) await writeFiles(this.#stateDir, this.#captured.files);
    const capture = this.#engine?.capture() ?? this.#captured?.engine;
    const engine = capture
      ? MemoryEngine.fromCapture(capture)
      : new MemoryEngine({ containers: this.#options.stack ?? simulatedStack });
    this.#engine = engine;
    this.#power = new AbortController();
    await this.#startAgent();
    for (const stream of ['postgres', 'redis'] as const) void this.#write(engine, stream, this.#power.signal);
  }

  async stop(): Promise<void> {
    this.#power.abort();
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agent = undefined;
  }

  freeze(): void {
    this.#frozen ??= deferred();
  }

  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = undefined;
  }

  async capture(): Promise<Capture> {
    return { engine: this.#running().capture(), files: await readFiles(this.#stateDir) };
  }

  /** What is in its databases, newest last. */
  written(stream: StreamName): readonly string[] {
    const engine = this.#running();
    return engine.written(engine.idOf(streams[stream]));
  }

  /** As `tacet-agent enroll TOKEN` does in the guest's shell; the running agent finds the identity by itself. */
  async enrol(token: string): Promise<void> {
    const incarnation = await this.#host().incarnation();
    const identity = await enrol(token, { agentVersion, incarnation }, AbortSignal.timeout(enrolDeadlineMs));
    await new IdentityStore(this.#stateDir, { log: this.#options.log, clock: systemClock }).save(identity);
  }

  async #startAgent(): Promise<void> {
    this.#agent = await startAgent({
      engine: this.#running(),
      guestHost: this.#host(),
      config: parseConfig({ stateDir: this.#stateDir }),
      log: this.#options.log,
    });
  }

  #host(): MemoryGuestHost {
    const { vmid } = this.#options;
    // A restore gives new MACs; hostname and machine-id are copied.
    return new MemoryGuestHost({
      engine: this.#running(),
      incarnation: { vmid, macs: [`bc:24:11:00:00:${(vmid % 256).toString(16).padStart(2, '0')}`] },
    });
  }

  #running(): MemoryEngine {
    if (!this.#engine) throw new Error(`guest ${this.#options.vmid} was never started`);
    return this.#engine;
  }

  /** One stream of numbered writes, one at a time, as long as the writer's container runs. */
  async #write(engine: MemoryEngine, stream: StreamName, power: AbortSignal): Promise<void> {
    const writer = engine.idOf('shop/writer');
    const store = engine.idOf(streams[stream]);
    const run = randomUUID();
    for (let sequence = 1; !power.aborted; sequence += 1) {
      try {
        await systemClock.sleep(writeEveryMs, power);
        await this.#frozen?.promise;
        // A writer that is held cannot even begin.
        if (engine.writesBlocked(writer)) continue;
        const value = `${run}/${sequence}`;
        await engine.write(store, value, power);
        await this.#frozen?.promise;
        this.#options.acknowledge(stream, value);
      } catch (error) {
        if (power.aborted) return;
        this.#options.log.debug('the database refused a write', { stream, error });
      }
    }
  }
}

async function readFiles(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [file.slice(directory.length + 1), await readFile(file, 'utf8')]),
    ),
  ) as Record<string, string>;
}

async function writeFiles(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, text, { mode: 0o600 });
  }
}
