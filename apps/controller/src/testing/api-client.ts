import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { z } from 'zod';

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

  call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<ApiAnswer> {
    const headers = {
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#url);
      const call = request(url, { method, headers, rejectUnauthorized: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
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
