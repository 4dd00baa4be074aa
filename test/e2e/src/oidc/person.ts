import { request } from 'node:https';

export interface Seen {
  readonly status: number;
  /** Absolute; undefined where it leads nowhere else. */
  readonly location: string | undefined;
  readonly setCookies: readonly string[];
  readonly text: string;
}

/** Somebody with a browser that keeps cookies for each host and port, and goes where it is sent when told to. */
export class Person {
  readonly #jars = new Map<string, Map<string, string>>();

  cookie(origin: string, name: string): string | undefined {
    return this.#jars.get(origin)?.get(name);
  }

  setCookie(origin: string, name: string, value: string | undefined): void {
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    if (value === undefined) jar.delete(name);
    else jar.set(name, value);
    this.#jars.set(origin, jar);
  }

  visit(url: string, form?: Readonly<Record<string, string>>): Promise<Seen> {
    const { origin } = new URL(url);
    const cookies = [...(this.#jars.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`);
    const headers = {
      cookie: cookies.join('; '),
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded', origin }),
    };
    const options = {
      method: form === undefined ? 'GET' : 'POST',
      headers,
      rejectUnauthorized: false,
      agent: false,
    };
    return new Promise((resolve, reject) => {
      const call = request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject).on('end', () => {
          const setCookies = response.headers['set-cookie'] ?? [];
          for (const cookie of setCookies) this.#keep(origin, cookie);
          const { location } = response.headers;
          const status = response.statusCode ?? 0;
          resolve({ status, location: location && new URL(location, url).href, setCookies, text });
        });
      });
      call.on('error', reject);
      call.end(form === undefined ? undefined : new URLSearchParams(form).toString());
    });
  }

  /** Signs in at the provider, and says yes. @returns where its last answer sends the browser: back to `origin` */
  async signInAtProvider(url: string, name: string, origin: string): Promise<string> {
    let next = url;
    for (let steps = 0; steps < 20 && !next.startsWith(origin); steps += 1) {
      let seen = await this.visit(next);
      const [, action] = /<form[^>]* action="([^"]+)"/.exec(seen.text) ?? [];
      if (seen.location === undefined && action !== undefined) {
        const [, prompt = ''] = /name="prompt" value="(\w+)"/.exec(seen.text) ?? [];
        seen = await this.visit(new URL(action, next).href, { prompt, login: name, password: 'whatever' });
      }
      if (seen.location === undefined)
        throw new Error(`the provider leads nowhere: ${seen.status} ${seen.text}`);
      next = seen.location;
    }
    return next;
  }

  #keep(origin: string, cookie: string): void {
    const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const expires = attributes.find((one) => /^expires=/i.test(one))?.slice(8);
    const isGone =
      attributes.some((one) => /^max-age=0$/i.test(one)) ||
      (expires !== undefined && Date.parse(expires) < Date.now());
    this.setCookie(origin, pair.slice(0, at), isGone ? undefined : pair.slice(at + 1));
  }
}
