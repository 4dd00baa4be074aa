import { spawn } from 'node:child_process';
import { orAborted, TacetError } from '@tacet/runtime';

export interface ProgramResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const keptBytes = 64 * 1024;

/**
 * A program of the guest, to its end. On abort it is killed with all that it has started in its process group.
 * @throws TacetError `not-found` where the guest has no such program
 */
export async function runProgram(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ProgramResult> {
  signal.throwIfAborted();
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-keptBytes);
    });
  }
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // Ended in this very moment.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode) => resolve(exitCode ?? -1));
    });
    return { exitCode: await orAborted(ended, signal), ...output };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new TacetError(`this guest has no ${command}`, { code: 'not-found', cause: error });
    }
    throw new TacetError(`${command} cannot be run`, { code: 'internal', cause: error });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
