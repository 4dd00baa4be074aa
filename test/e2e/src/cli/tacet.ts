import { run, type RunOptions } from '@tacet/cli';

export interface Spoken {
  code: number;
  out: string;
  err: string;
}

export interface How extends Partial<Pick<RunOptions, 'env' | 'signal' | 'screen'>> {
  /** What is typed, or comes through a pipe. */
  readonly typed?: readonly string[];
  /** The one who types sits at a terminal. */
  readonly isTyped?: boolean;
  /** Is filled while the command runs. */
  readonly spoken?: Spoken;
}

/** One command, in this process. */
export async function tacet(argv: readonly string[], how: How = {}): Promise<Spoken> {
  const { env = {}, signal = new AbortController().signal, screen, typed = [], isTyped = false } = how;
  const spoken = how.spoken ?? { code: -1, out: '', err: '' };
  const answers = [...typed];
  spoken.code = await run({
    argv,
    env,
    signal,
    stdout: (text) => void (spoken.out += text),
    stderr: (text) => void (spoken.err += text),
    terminal: {
      isTyped,
      askSecret: (question) => {
        spoken.err += question;
        return Promise.resolve(answers.shift() ?? '');
      },
      close: () => undefined,
    },
    ...(screen !== undefined && { screen }),
  });
  return spoken;
}
