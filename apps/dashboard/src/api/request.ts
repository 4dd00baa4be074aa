import type { z } from 'zod';
import { problemOf, unreachable, unreadable } from './problem.ts';

const base = '/api/v1';
const deadlineMs = 30_000;

/** Asks, and parses the answer. @throws ApiProblem */
export async function get<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  signal?: AbortSignal,
): Promise<z.infer<Schema>> {
  const response = await ask(path, { headers: { accept: 'application/json' } }, signal);
  return await parsed(schema, response);
}

export type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Changes something. @param csrfToken of the session; null where there is none yet. @throws ApiProblem */
export async function send<Schema extends z.ZodType>(
  schema: Schema | null,
  method: Method,
  path: string,
  body: unknown,
  csrfToken: string | null,
): Promise<z.infer<Schema> | undefined> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (csrfToken !== null) headers['x-tacet-csrf'] = csrfToken;
  const text = body === undefined ? null : JSON.stringify(body);
  const response = await ask(path, { method, headers, body: text });
  return schema === null ? undefined : await parsed(schema, response);
}

async function ask(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const deadline = AbortSignal.timeout(deadlineMs);
  let response: Response;
  try {
    response = await fetch(base + path, {
      ...init,
      credentials: 'same-origin',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(error);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function parsed<Schema extends z.ZodType>(
  schema: Schema,
  response: Response,
): Promise<z.infer<Schema>> {
  let body: unknown;
  try {
    body = await response.json();
  } catch (cause) {
    throw unreadable(response.status, cause);
  }
  const result = schema.safeParse(body);
  if (!result.success) throw unreadable(response.status, result.error);
  return result.data;
}
