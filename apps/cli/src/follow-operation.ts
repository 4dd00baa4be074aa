import { type Operation, operationSchema } from '@tacet/protocol';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { timeOf } from './print/moment.ts';

const POLL_MS = 200;
/** A controller may restart under an operation: it then says how that ended. */
const PATIENCE_MS = 30_000;

/** Notes each step as it happens. @returns the operation when it has ended. */
export async function followOperation(started: Operation, context: Context): Promise<Operation> {
  const { note, clock, signal } = context;
  let operation = started;
  let shown = 0;
  let heardMs = clock.monotonicMs();
  for (;;) {
    for (const step of operation.steps.slice(shown)) {
      note(`${timeOf(step.at)}  ${step.name.padEnd(10)}  ${step.message}`);
    }
    shown = operation.steps.length;
    if (operation.state !== 'running') return operation;
    try {
      await clock.sleep(POLL_MS, signal);
      operation = await context.api.get(operationSchema, `/operations/${operation.id}`, signal);
      heardMs = clock.monotonicMs();
    } catch (error) {
      if (signal.aborted) throw stoppedWatching(operation);
      const gone = error instanceof CliError && error.exitCode === exitCodes.unreachable;
      if (!gone || clock.monotonicMs() - heardMs > PATIENCE_MS) throw error;
    }
  }
}

function stoppedWatching({ id, kind }: Operation): CliError {
  return new CliError(`stopped watching; the ${kind} goes on`, exitCodes.interrupted, {
    code: 'interrupted',
    hint: `tacet operation ${id}`,
  });
}

/** An operation that failed ends the command. */
export function requireSuccess(operation: Operation): Operation {
  const { state, error, kind, restoredTo } = operation;
  if (state !== 'failed') return operation;
  const stands = restoredTo === null ? '' : ` (guest ${restoredTo} exists)`;
  throw new CliError(
    `the ${kind} failed${stands}: ${error?.message ?? 'no reason given'}`,
    exitCodes.failed,
    {
      code: error?.code ?? 'internal',
      ...(error?.hint !== undefined && { hint: error.hint }),
    },
  );
}
