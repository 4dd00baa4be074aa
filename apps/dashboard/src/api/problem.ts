import { type Problem, problemSchema } from '@tacet/protocol';

/** What the controller refused, or that it did not answer: in its own words, with what to do. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  /** A code of the protocol, or `unreachable`, or `unreadable`. */
  readonly code: Problem['code'] | 'unreachable' | 'unreadable';
  readonly hint: string | null;
  /** Of HTTP; 0 where there was no answer. */
  readonly status: number;

  constructor(
    code: ApiProblem['code'],
    message: string,
    { hint = null, status = 0, cause }: { hint?: string | null; status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.hint = hint;
    this.status = status;
  }
}

export function unreachable(cause: unknown): ApiProblem {
  return new ApiProblem('unreachable', 'The controller does not answer.', {
    hint: 'Is it running, and can this device reach it? This page goes on trying.',
    cause,
  });
}

export function unreadable(status: number, cause: unknown): ApiProblem {
  return new ApiProblem('unreadable', 'The controller answered something that this page cannot read.', {
    hint: 'The page may be older than the controller: reload it.',
    status,
    cause,
  });
}

export async function problemOf(response: Response): Promise<ApiProblem> {
  let body: unknown;
  try {
    body = await response.json();
  } catch (cause) {
    return unreadable(response.status, cause);
  }
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success) return unreadable(response.status, parsed.error);
  const { code, detail, hint, status } = parsed.data;
  return new ApiProblem(code, sentence(detail), { hint: hint ?? null, status });
}

/** Whether the answer to this is to log in. */
export function isLoggedOut(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 401;
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
