import { describe, expect, it } from 'vitest';
import { CommandError, run, runToExit } from './run.ts';

describe('run', () => {
  it('says which command failed, how, and with what last words', async () => {
    const failure = run(['sh', '-c', 'echo first >&2; echo last words >&2; exit 3']);
    await expect(failure).rejects.toThrow(CommandError);
    await expect(failure).rejects.toThrow(/sh -c .*exit code 3[\s\S]*last words/);
  });

  it('takes a non-zero exit code for a result when asked so', async () => {
    expect(await runToExit(['sh', '-c', 'cat; exit 7'], { stdin: 'x' })).toMatchObject({
      exitCode: 7,
      stdout: 'x',
    });
  });

  it('kills at the deadline and when the caller gives up', async () => {
    await expect(run(['sleep', '60'], { timeoutMs: 50 })).rejects.toThrow(/no end within 50 ms/);
    const caller = AbortSignal.timeout(50);
    await expect(run(['sleep', '60'], { signal: caller })).rejects.toThrow(/aborted/);
  });

  it('says so when there is no such program', async () => {
    await expect(run(['/no/such/program'])).rejects.toThrow(/could not be run/);
  });
});
