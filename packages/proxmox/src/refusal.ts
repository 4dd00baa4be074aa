import * as z from 'zod';
import {
  ForbiddenError,
  InvalidParametersError,
  MissingError,
  NotImplementedError,
  type ProxmoxError,
  ServerError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.ts';

export interface Answer {
  /** `GET /nodes/pve1/status`: what was asked, for the message. */
  readonly asked: string;
  /** Whether it asked for a change. */
  readonly changes: boolean;
  readonly status: number;
  /** The reason phrase: all there is where the body is empty (401, 595, 596). */
  readonly reason: string;
  readonly body: string;
}

const refusalBody = z.object({
  message: z.string().optional(),
  errors: z.record(z.string(), z.string()).nullish(),
});

// As Proxmox VE 9.2 words them; each comes with status 500.
const MISSING = /does not exist|hostname lookup '.*' failed|^no such |unable to find VM/;

/** Turns every answer but a 200 into the error that says what it means. */
export function refusal(answer: Answer): ProxmoxError {
  const { status, changes } = answer;
  const { message, errors } = parseBody(answer.body);
  const said = (message ?? answer.reason).trim() || `status ${status} without a reason`;
  const text = `${answer.asked}: ${said}`;
  switch (status) {
    case 400:
      return new InvalidParametersError(withDetails(text, errors), errors);
    case 401:
      return new UnauthorizedError(text);
    case 403:
      return new ForbiddenError(text);
    case 501:
      return new NotImplementedError(text);
    case 595:
      return new UnreachableError(`${text} (595: the node could not be reached through this one)`);
    case 596:
      return new UnreachableError(`${text} (596: connection to the node broke or took over 30 s)`, {
        mayHaveStarted: changes,
      });
    default:
      if (status < 500) return new UnexpectedAnswerError(`${text} (${status})`);
      if (status === 500 && MISSING.test(said)) return new MissingError(text);
      // 500 and 503 come from Proxmox itself; a gateway's 502 or 504 says nothing about what happened.
      return new ServerError(text, status, {
        retryable: status > 500,
        mayHaveStarted: changes && status !== 500 && status !== 503,
      });
  }
}

function parseBody(body: string): { message: string | undefined; errors: Record<string, string> } {
  try {
    const { message, errors } = refusalBody.parse(JSON.parse(body));
    return { message, errors: errors ?? {} };
  } catch {
    return { message: undefined, errors: {} }; // empty, or a gateway's page: the reason phrase must do
  }
}

function withDetails(text: string, errors: Record<string, string>): string {
  const details = Object.entries(errors).map(([name, wrong]) => `${name}: ${wrong.trim()}`);
  return details.length === 0 ? text : `${text} ${details.join('; ')}`;
}
