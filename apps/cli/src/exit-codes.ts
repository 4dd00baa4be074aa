import { wrapped } from './print/wrapped.ts';

/** What scripts rely on; `exitCodeMeanings` says it to people. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  below: 3,
  unreachable: 4,
  broken: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** In help, in the manual page and in docs/reference/cli.md. */
export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [
    exitCodes.ok,
    'done; a backup or snapshot is app-consistent, a restored guest is ready, a drill has proven its backup',
  ],
  [exitCodes.failed, 'failed, or refused'],
  [exitCodes.usage, 'wrong usage, or no access to a controller is configured; nothing was changed'],
  [
    exitCodes.below,
    'done, but the verdict is crash or unknown, a drill has only started its guest, a guest is not ready, the hook does not work yet, a schedule selects nobody or names who is not there, or doctor found a warning',
  ],
  [
    exitCodes.unreachable,
    'the controller, or the node of pve provision, cannot be reached, or shows another certificate',
  ],
  [exitCodes.broken, 'doctor found an error'],
  [
    exitCodes.interrupted,
    'interrupted with Ctrl-C; an operation that was started goes on, tacet operation ID shows it',
  ],
];

/** For people: one a paragraph. */
export function exitCodeLines(): string[] {
  const indent = ' '.repeat(7);
  return exitCodeMeanings.flatMap(([code, meaning]) =>
    wrapped(`  ${String(code).padEnd(5)}${meaning}`, 100, indent),
  );
}
