import { request } from 'node:https';
import type { Life } from './life.ts';

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** By the name of a path's parameter: values that are worth trying. */
export type Candidates = Readonly<Record<string, readonly string[]>>;

/**
 * Asks every route that the controller describes and that answers to GET; what it answers is kept. A stream of events
 * is read until its first words.
 *
 * @returns the paths, each with the best status that it gave
 */
export async function askEveryGet(life: Life, candidates: Candidates): Promise<Map<string, number>> {
  const { url, token } = await life.access();
  const statuses = new Map<string, number>();
  for (const path of await describedGets(life)) {
    for (const filled of fill(path, candidates)) {
      for (const query of ['', '?after=0&limit=500']) {
        const { status, text } = await read(`${url}${filled}${query}`, token);
        life.evidence.add('api GET', `GET ${filled}${query}\n${status} ${text}\n`);
        statuses.set(path, Math.min(status, statuses.get(path) ?? 999));
      }
    }
  }
  return statuses;
}

async function describedGets(life: Life): Promise<string[]> {
  const { url, token } = await life.access();
  const { text } = await read(`${url}/api/v1/openapi.json`, token);
  const { paths } = JSON.parse(text) as Description;
  return Object.keys(paths).filter((path) => 'get' in (paths[path] ?? {}));
}

function fill(path: string, candidates: Candidates): string[] {
  const [, before = '', name = '', after = ''] = /^([^{]*)\{(\w+)\}(.*)$/.exec(path) ?? [];
  if (name === '') return [path];
  return (candidates[name] ?? ['none']).flatMap((value) => fill(`${before}${value}${after}`, candidates));
}

/** A stream of events never ends by itself: what has come after a while is its answer. */
const READ_MS = 1_500;

function read(url: string, token: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const call = request(url, { headers, rejectUnauthorized: false }, (response) => {
      let text = '';
      const done = (): void => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text });
        call.destroy();
      };
      const timer = setTimeout(done, READ_MS);
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', done).on('error', () => undefined);
    });
    call.on('error', reject);
    call.end();
  });
}
