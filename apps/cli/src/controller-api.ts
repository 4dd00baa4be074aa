import { problemSchema } from '@tacet/protocol';
import { Agent } from 'undici';
import { z } from 'zod';
import { CliError, refused, unreachable } from './cli-error.ts';
import type { ControllerAccess } from './controller-file.ts';
import { exitCodes } from './exit-codes.ts';
import { pinnedConnector } from './pinned-connector.ts';
import { serverSentEvents } from './server-sent-events.ts';

/** What commands need of a controller. @throws CliError from both. */
export interface ControllerApi {
  get<Schema extends z.ZodType>(schema: Schema, path: string, signal: AbortSignal): Promise<z.output<Schema>>;
  post<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>>;
  put<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>>;
  patch<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>>;
  delete(path: string, signal: AbortSignal): Promise<void>;
  /** What comes as server-sent events, until the controller ends it. @param onOpen when it has begun to answer */
  stream<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncIterable<z.output<Schema>>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** For one answer; longer than the longest wait for an event. */
const TIMEOUT_MS = 45_000;

/** The HTTP API over a connection that is pinned to the controller's certificate. */
export class HttpControllerApi implements ControllerApi, AsyncDisposable {
  readonly #access: ControllerAccess;
  readonly #agent: Agent;

  constructor(access: ControllerAccess) {
    this.#access = access;
    this.#agent = new Agent({
      connect: pinnedConnector(access.fingerprint),
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  get<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return this.#call(schema, 'GET', path, undefined, signal);
  }

  post<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return this.#call(schema, 'POST', path, JSON.stringify(body), signal);
  }

  put<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return this.#call(schema, 'PUT', path, JSON.stringify(body), signal);
  }

  patch<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return this.#call(schema, 'PATCH', path, JSON.stringify(body), signal);
  }

  async delete(path: string, signal: AbortSignal): Promise<void> {
    await this.#call(z.undefined(), 'DELETE', path, undefined, signal);
  }

  async *stream<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncIterable<z.output<Schema>> {
    try {
      const answer = await this.#request('GET', path, undefined, signal);
      if (answer.statusCode !== 200) parseAnswer(z.never(), answer.statusCode, await answer.body.text());
      onOpen();
      for await (const data of serverSentEvents(answer.body.setEncoding('utf8'))) {
        yield parseAnswer(schema, 200, data);
      }
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #call<Schema extends z.ZodType>(
    schema: Schema,
    method: Method,
    path: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    let status: number;
    let text: string;
    try {
      const answer = await this.#request(method, path, body, signal);
      status = answer.statusCode;
      text = await answer.body.text();
    } catch (error) {
      throw this.#failure(error, signal);
    }
    return parseAnswer(schema, status, text);
  }

  #request(method: Method, path: string, body: string | undefined, signal: AbortSignal) {
    const { url, token } = this.#access;
    return this.#agent.request({
      origin: new URL(url).origin,
      path: `/api/v1${path}`,
      method,
      signal,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
    });
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof CliError ? error : unreachable(this.#access.url, error);
  }
}

function parseAnswer<Schema extends z.ZodType>(
  schema: Schema,
  status: number,
  text: string,
): z.output<Schema> {
  const json = parseJson(text);
  if (status >= 200 && status < 300) {
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    throw strange(status, new Error(z.prettifyError(parsed.error)));
  }
  const problem = problemSchema.safeParse(json);
  throw problem.success ? refused(problem.data) : strange(status, undefined);
}

function strange(status: number, cause: unknown): CliError {
  return new CliError(`not the answer of a controller (status ${status})`, exitCodes.failed, {
    code: 'unexpected-answer',
    hint: 'Controller and tacet may differ in version: tacet status shows the controller’s.',
    cause,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not a controller's answer: the schema that it is given to says so
  }
}
