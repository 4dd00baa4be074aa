import { request } from 'node:https';
import {
  decodeEnrolmentToken,
  enrolRequestSchema,
  enrolResponseSchema,
  type Incarnation,
  problemSchema,
} from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import type { Identity } from './identity-store.ts';
import { connectPinned, type PinnedController } from './pinned-tls.ts';

const maxAnswerBytes = 64 * 1024;

/**
 * Trades a one-time token for this guest's credential, with the controller that the token names and nobody
 * else.
 *
 * @throws TacetError `invalid-input` for a broken token, `unauthorized` for a used or expired one and for
 * another certificate, `node-unreachable`.
 */
export async function enrol(
  token: string,
  guest: { agentVersion: string; incarnation: Incarnation },
  signal: AbortSignal,
): Promise<Identity> {
  const { url, fingerprint, secret } = decode(token);
  const controller = { controllerUrl: new URL(url).origin, fingerprint };
  const answer = await post(controller, enrolRequestSchema.parse({ secret, ...guest }), signal);
  if (answer.status < 200 || answer.status > 299) throw refusal(controller, answer);
  const granted = enrolResponseSchema.safeParse(parseJson(answer.text));
  if (!granted.success) {
    throw new TacetError(`${controller.controllerUrl} did not answer as a controller does`, {
      code: 'unsupported-version',
      hint: 'Controller and agent may differ in version: update the older one.',
      cause: granted.error,
    });
  }
  return { version: 1, ...controller, ...granted.data };
}

function decode(token: string) {
  try {
    return decodeEnrolmentToken(token);
  } catch (cause) {
    throw new TacetError('the enrolment token cannot be used', { code: 'invalid-input', cause });
  }
}

async function post(
  controller: PinnedController,
  body: unknown,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const socket = await connectPinned(controller, signal);
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const call = request(
      new URL('/api/v1/agents/enroll', controller.controllerUrl),
      { method: 'POST', headers, signal, createConnection: () => socket },
      (response) => {
        let received = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          received += part;
          if (received.length > maxAnswerBytes) response.destroy(new Error('the answer is too long'));
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: received }));
      },
    );
    call.on('error', (cause) =>
      reject(
        new TacetError(`the enrolment with ${controller.controllerUrl} was cut off`, {
          code: 'node-unreachable',
          retryable: true,
          cause,
        }),
      ),
    );
    call.end(text);
  });
}

function refusal({ controllerUrl }: PinnedController, answer: { status: number; text: string }): TacetError {
  const problem = problemSchema.safeParse(parseJson(answer.text));
  if (!problem.success) {
    return new TacetError(`${controllerUrl} answered ${answer.status}`, { code: 'unauthorized' });
  }
  const { code, detail, hint } = problem.data;
  return new TacetError(`the controller refused the enrolment: ${detail}`, {
    code,
    hint: hint ?? 'A token is good for one guest and for a short time: ask the controller for a new one.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is not a controller's answer: the schema that it is given to says so.
    return undefined;
  }
}
