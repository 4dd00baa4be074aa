/** What scripts rely on; described in `--help`. */
export const exitCodes = {
  /** Done; a backup is app-consistent, a guest is ready. */
  ok: 0,
  failed: 1,
  usage: 2,
  /** Done, but not as good as hoped: the verdict is below app, the guest is not ready, `doctor` found a warning. */
  below: 3,
  unreachable: 4,
  /** `doctor` found an error. */
  broken: 5,
  /** Ctrl-C; what the controller does goes on. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0    done; a backup is app-consistent, a guest is ready
  1    failed, or refused
  2    wrong usage
  3    done, but the verdict is below app, or the guest is not ready; doctor found a warning
  4    the controller cannot be reached
  5    doctor found an error
  130  interrupted; an operation that was started goes on
`;
