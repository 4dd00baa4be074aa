import { request } from 'node:https';
import { loginSchema } from '@tacet/protocol';

/** A connection for each request: one that waits to be used again may be closed just then. */
const alone = { agent: false };

export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Undefined where the text is none. */
  readonly json: unknown;
}

interface Asking {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Hangs up as soon as it knows the status: some answers go on and on. */
  readonly onlyStatus?: boolean;
}

/** What a browser does with a controller: keeps its cookie, says whose page asks, and sends the token against forgery. */
export class Browser {
  readonly #url: string;
  cookie: string | undefined;
  csrfToken: string | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  get origin(): string {
    return this.#url;
  }

  /** @param asking headers go before those that a browser would send; an empty one is left out */
  ask(method: string, path: string, { body, headers = {}, onlyStatus = false }: Asking = {}): Promise<Page> {
    const sent = {
      ...(this.cookie !== undefined && { cookie: this.cookie }),
      ...(method !== 'GET' && { origin: this.#url }),
      ...(method !== 'GET' && this.csrfToken !== undefined && { 'x-tacet-csrf': this.csrfToken }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    };
    const present = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== ''));
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#url);
      const call = request(
        url,
        { method, headers: present, rejectUnauthorized: false, ...alone },
        (response) => {
          let text = '';
          if (onlyStatus) {
            response.destroy();
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: undefined });
            return;
          }
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('error', reject);
          response.on('end', () => {
            for (const cookie of response.headers['set-cookie'] ?? []) this.#keep(cookie);
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: parsed(text),
            });
          });
        },
      );
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Makes the first account. @param setupUrl the link that the controller printed */
  async setUp(setupUrl: string | undefined, name: string, password: string): Promise<void> {
    const token = new URLSearchParams(new URL(setupUrl ?? '').hash.slice(1)).get('token');
    this.#signedIn(await this.ask('POST', '/api/v1/setup', { body: { token, name, password } }));
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#signedIn(await this.ask('POST', '/api/v1/session', { body: { name, password } }));
  }

  #signedIn(page: Page): void {
    if (page.status > 299) throw new Error(`not signed in: ${page.text}`);
    this.csrfToken = loginSchema.parse(page.json).csrfToken;
  }

  #keep(cookie: string): void {
    const [pair = ''] = cookie.split(';');
    this.cookie = /Max-Age=0/i.test(cookie) ? undefined : pair;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a page, or nothing
  }
}
