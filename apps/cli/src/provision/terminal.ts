import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { orAborted } from '@tacet/runtime';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';

/** Who types secrets, or a pipe that brings them, one a line. */
export interface Terminal {
  /** Somebody types. A pipe when left out. */
  readonly isTyped?: boolean;
  /** What is typed is not shown. @throws CliError when nothing comes */
  askSecret(question: string, signal: AbortSignal): Promise<string>;
  /** Lets go of the input; without this a pipe that stays open would keep the process alive. */
  close(): void;
}

/** The one place that reads standard input. */
export function processTerminal(
  input: NodeJS.ReadableStream = process.stdin,
  prompt: (text: string) => void = (text) => void process.stderr.write(text),
): Terminal {
  const isTerminal = 'isTTY' in input && input.isTTY === true;
  // Line editing works on what it echoes: it echoes into nothing.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: isTerminal });
  const reader = lines[Symbol.asyncIterator]();
  const interrupted = new Promise<never>((_resolve, reject) => {
    // In raw mode Ctrl-C is a key like any other, and reaches nobody else.
    lines.on('SIGINT', () =>
      reject(new CliError('interrupted', exitCodes.interrupted, { code: 'interrupted' })),
    );
  });
  interrupted.catch(() => undefined); // of interest only while something is asked

  return {
    isTyped: isTerminal,
    async askSecret(question, signal) {
      if (isTerminal) prompt(question);
      const answer = Promise.race([reader.next(), interrupted]);
      const { value, done } = await orAborted(answer, signal).finally(() => {
        if (isTerminal) prompt('\n');
      });
      if (done !== true && value.trim() !== '') return value;
      throw new CliError(`nothing was given for: ${question.replace(/:\s*$/, '')}`, exitCodes.usage, {
        code: 'invalid-input',
        hint: 'Type it at the prompt, or send it on standard input, one line each. There is no option for it.',
      });
    },
    close: () => lines.close(),
  };
}
