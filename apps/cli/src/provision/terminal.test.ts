import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../exit-codes.ts';
import { processTerminal } from './terminal.ts';

const never = new AbortController().signal;

describe('secrets from standard input', () => {
  it('come one a line, whatever their characters, and nobody is asked', async () => {
    const input = new PassThrough();
    let asked = '';
    const terminal = processTerminal(input, (text) => (asked += text));
    input.write('korrekt pferd \n123');
    expect(await terminal.askSecret('Password: ', never)).toBe('korrekt pferd ');
    const code = terminal.askSecret('Code: ', never);
    input.write('456\nmore');
    expect(await code).toBe('123456');
    expect(asked).toBe('');
    terminal.close();
  });

  it('that do not come are a wrong call', async () => {
    const input = new PassThrough();
    const terminal = processTerminal(input);
    input.end();
    await expect(terminal.askSecret('Password of root@pam: ', never)).rejects.toMatchObject({
      message: 'nothing was given for: Password of root@pam',
      exitCode: exitCodes.usage,
    });
  });

  it('are not waited for after Ctrl-C', async () => {
    const interrupt = new AbortController();
    const terminal = processTerminal(new PassThrough());
    const asked = terminal.askSecret('Password: ', interrupt.signal);
    interrupt.abort(new Error('interrupted'));
    await expect(asked).rejects.toThrow('interrupted');
    terminal.close();
  });
});
