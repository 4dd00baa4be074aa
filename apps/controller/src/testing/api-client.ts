import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { z } from 'zod';

/** A connection for each request: one that waits to be used again may be closed just then. */
const alone = { agent: false };

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A client of a controller's API for tests; `clientFile` is what the controller wrote. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  static async of(clientFile: string): Promise<ApiClient> {
    const { url, token }: { url: string; token: string } = JSON.parse(await readFile(clientFile, 'utf8'));
    return new ApiClient(url, token);
  }

  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<ApiAnswer> {
    const headers = {
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#url);
      const call = request(url, { method, headers, rejectUnauthorized: false, ...alone }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject);
        response.on('end', () => {
          const body: unknown = text === '' ? undefined : JSON.parse(text);
          resolve({ status: response.statusCode ?? 0, body });
        });
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The text at a path. @throws when the answer is not a success */
  text(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.#token}` };
      const call = request(
        new URL(path, this.#url),
        { headers, rejectUnauthorized: false, ...alone },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(`${path}: ${response.statusCode} ${text}`));
          });
        },
      );
      call.on('error', reject);
      call.end();
    });
  }

  /** @throws when the answer is not a success, or not of this shape. */
  async expect<Schema extends z.ZodType>(
    schema: Schema,
    ...[method, path, body]: Parameters<ApiClient['call']>
  ): Promise<z.output<Schema>> {
    const answer = await this.call(method, path, body);
    if (answer.status > 299) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return schema.parse(answer.body);
  }
}
