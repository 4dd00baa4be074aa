import { describeError, orAborted, TacetError, withDeadline } from '@tacet/runtime';
import type { ExecResult } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import { holdMark, type MethodPorts } from './method.ts';

/** A killed process leaves within a few milliseconds, unless its disk hangs. */
const killMs = 5_000;

/** Of the last line that a command has said. */
const saidLength = 200;

export interface LabelCommand {
  phase: 'prepare' | 'hold' | 'thaw';
  command: string;
  timeoutMs: number;
}

const codes = { prepare: 'prepare-failed', hold: 'hold-failed', thaw: 'internal' } as const;

/**
 * Runs the commands of one service by the `sh -c` of its container, as the container's own user, with TACET_PHASE in
 * their environment. One after another: what is killed for one must not be another's.
 */
export class LabelCommands {
  readonly #record: HoldRecord;
  readonly #ports: MethodPorts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(record: HoldRecord, ports: MethodPorts) {
    this.#record = record;
    this.#ports = ports;
  }

  /**
   * One that is not done in time is killed with everything that it has started.
   * @throws TacetError for an exit code other than 0, with the last line that it said; `deadline-exceeded`;
   * `not-found` where the container is gone
   */
  async run(command: LabelCommand, signal: AbortSignal): Promise<void> {
    const before = this.#last;
    const running = orAborted(before, signal).then(() => this.#run(command, signal));
    this.#last = Promise.allSettled([before, running]);
    await running;
  }

  async #run({ phase, command, timeoutMs }: LabelCommand, signal: AbortSignal): Promise<void> {
    const { engine, clock } = this.#ports;
    using deadline = withDeadline(signal, timeoutMs, `the ${phase} command`, clock);
    let result: ExecResult;
    try {
      const env = { [holdMark]: '1', TACET_PHASE: phase };
      const request = { argv: ['sh', '-c', command], env };
      result = await engine.exec(this.#record.containerId, request, deadline.signal);
    } catch (error) {
      if (TacetError.is(error, 'not-found')) throw error;
      // Whatever the engine says of it, it may still run.
      const fate = await killCommands(this.#record, this.#ports);
      if (!deadline.signal.aborted || signal.aborted) throw error;
      throw new TacetError(`the ${phase} command was not done after ${timeoutMs} ms: ${fate}`, {
        code: 'deadline-exceeded',
        hint: 'The label tacet.exec.timeout gives it more time.',
        cause: error,
      });
    }
    if (result.exitCode === 0) return;
    const said = lastLine(result.stderr) ?? lastLine(result.stdout) ?? 'it said nothing';
    throw new TacetError(`the ${phase} command ended with exit code ${result.exitCode}: ${said}`, {
      code: codes[phase],
      retryable: phase === 'thaw',
    });
  }
}

/** Never rejects: says what became of them. */
export async function killCommands(
  { cgroup, stack, service }: HoldRecord,
  { processes, clock, logger }: MethodPorts,
): Promise<string> {
  using deadline = withDeadline(undefined, killMs, 'killing it', clock);
  try {
    await processes.killMarked(cgroup, holdMark, deadline.signal);
    return 'killed with its children';
  } catch (error) {
    logger.error('a command of a label could not be killed', { stack, service, error });
    return `not killed, ${describeError(error)}`;
  }
}

function lastLine(output: string): string | undefined {
  return output.trim().split('\n').at(-1)?.trim().slice(0, saidLength) || undefined;
}
