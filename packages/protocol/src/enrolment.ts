import { z } from 'zod';
import { incarnationSchema } from './incarnation.ts';
import { vmidSchema } from './primitives.ts';

/** What a one-time enrolment token says, base64url of its JSON behind `tacet-enrol-`. */
export const enrolmentTokenSchema = z.object({
  /** `https://host:port` of the controller as the guest reaches it. */
  url: z.url({ protocol: /^https$/ }),
  /** SHA-256 of the controller's certificate, `AA:BB:…`; the agent trusts this and nothing else. */
  fingerprint: z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  secret: z.string().min(32),
});
export type EnrolmentToken = z.infer<typeof enrolmentTokenSchema>;

const prefix = 'tacet-enrol-';

export function encodeEnrolmentToken(token: EnrolmentToken): string {
  return prefix + base64url(JSON.stringify(enrolmentTokenSchema.parse(token)));
}

/** @throws Error when the text is not a whole enrolment token. */
export function decodeEnrolmentToken(text: string): EnrolmentToken {
  const trimmed = text.trim();
  try {
    if (!trimmed.startsWith(prefix)) throw new Error(`it does not start with ${prefix}`);
    const binary = atob(trimmed.slice(prefix.length).replaceAll('-', '+').replaceAll('_', '/'));
    return enrolmentTokenSchema.parse(JSON.parse(binary));
  } catch (cause) {
    throw new Error('This is not a whole enrolment token: copy it again, all of it, in one line.', { cause });
  }
}

/** The JSON is ASCII by its schema (URL, hex, random secret), so `btoa` is enough. */
function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export const enrolRequestSchema = z.object({
  secret: z.string(),
  agentVersion: z.string(),
  incarnation: incarnationSchema,
});

export const enrolResponseSchema = z.object({ vmid: vmidSchema, credential: z.string() });
