import type { PostRestoreCommand } from '@tacet/core';
import { TacetError, withDeadline } from '@tacet/runtime';
import { killCommand } from '../../guest/kill-command.ts';
import type { StepContext } from './repair.ts';

/** In the environment of what is run, and by that of all its children. */
const mark = 'TACET_POST_RESTORE';

/**
 * By the `sh -c` of the container, as its own user. One that is not done in time is killed with everything that
 * it has started. @throws TacetError with the last line that it said
 */
export async function runPostRestore(
  containerId: string,
  { command, timeoutMs }: PostRestoreCommand,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { engine, clock } = context;
  using deadline = withDeadline(signal, timeoutMs, 'the post-restore command', clock);
  const request = { argv: ['sh', '-c', command], env: { [mark]: '1', TACET_PHASE: 'post-restore' } };
  try {
    const { exitCode, stdout, stderr } = await engine.exec(containerId, request, deadline.signal);
    if (exitCode === 0) return;
    const said = (stderr.trim() || stdout.trim()).split('\n').at(-1)?.slice(0, 200) || 'it said nothing';
    throw new TacetError(`the post-restore command ended with exit code ${exitCode}: ${said}`, {
      code: 'internal',
    });
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    const fate = await killCommand(containerId, mark, context);
    if (signal.aborted) throw error;
    throw new TacetError(`the post-restore command was not done after ${timeoutMs} ms: ${fate}`, {
      code: 'deadline-exceeded',
      hint: 'The label tacet.post-restore.timeout gives it more time.',
      cause: error,
    });
  }
}
