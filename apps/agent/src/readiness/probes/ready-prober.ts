import { type Clock, describeError, runWithin } from '@tacet/runtime';
import type { DiscoveredService } from '../../discovery/compose.ts';
import type { ProbeCommands } from './probe-commands.ts';
import { type ReadyProbe, readyProbesOf } from './ready-probe.ts';

export interface ProbeAnswer {
  stack: string;
  service: string;
  /** As {@link ReadyProbe} has it. */
  probe: string;
  /** What is in the way; undefined where it is ready. */
  trouble: string | undefined;
}

/** Who is ready is not asked each round: a process in a container costs tens of milliseconds. */
const goodForMs = 30_000;

interface Known {
  answers: ProbeAnswer[];
  /** Of the container, when it was asked. */
  startedAt: number;
  askedAt: number;
}

/** Asks running containers what their labels want to know, and remembers what came of it. */
export class ReadyProber {
  readonly #commands: ProbeCommands;
  readonly #clock: Clock;
  #known = new Map<string, Known>();

  constructor(commands: ProbeCommands, clock: Clock) {
    this.#commands = commands;
    this.#clock = clock;
  }

  /** The last answers: while a hold is on, asking would hang. */
  get known(): readonly ProbeAnswer[] {
    return [...this.#known.values()].flatMap(({ answers }) => answers);
  }

  /** Rejects only on abort; the answers of before then stay. */
  async ask(services: readonly DiscoveredService[], signal: AbortSignal): Promise<readonly ProbeAnswer[]> {
    const probed = services.flatMap((service) => {
      const probes = service.container.state === 'running' ? readyProbesOf(service) : [];
      return probes.length > 0 ? [{ service, probes }] : [];
    });
    const now = await Promise.all(
      probed.map(
        async ({ service, probes }) =>
          [service.container.id, await this.#askUnlessKnown(service, probes, signal)] as const,
      ),
    );
    signal.throwIfAborted();
    this.#known = new Map(now);
    return this.known;
  }

  async #askUnlessKnown(
    { stack, service, container }: DiscoveredService,
    probes: readonly ReadyProbe[],
    signal: AbortSignal,
  ): Promise<Known> {
    const { id, startedAt } = container;
    const before = this.#known.get(id);
    const isGood =
      before?.startedAt === startedAt &&
      this.#clock.monotonicMs() - before.askedAt < goodForMs &&
      before.answers.every(({ trouble }) => trouble === undefined);
    if (isGood) return before;
    const answers = await Promise.all(
      probes.map(async (probe) => {
        const trouble = await this.#troubleOf(probe, signal);
        return { stack, service, probe: probe.name, trouble };
      }),
    );
    return { answers, startedAt, askedAt: this.#clock.monotonicMs() };
  }

  async #troubleOf(probe: ReadyProbe, signal: AbortSignal): Promise<string | undefined> {
    try {
      await runWithin(
        signal,
        probe.timeoutMs,
        `the probe ${probe.name}`,
        (within) => probe.ask(this.#commands, within),
        { clock: this.#clock },
      );
      return undefined;
    } catch (error) {
      return describeError(error);
    }
  }
}
