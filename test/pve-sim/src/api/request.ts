import { PveError } from './errors.ts';
import type { Parameters } from './schema.ts';

/** Query and body as one flat map. Throws the body-less 500 of a JSON body that is none. */
export async function readParameters(request: Request): Promise<Parameters> {
  const parameters: Record<string, string> = Object.fromEntries(new URL(request.url).searchParams);
  if (request.method === 'GET') return parameters;
  const text = await request.text();
  if (text === '') return parameters;
  if (request.headers.get('content-type')?.startsWith('application/json') !== true) {
    return { ...parameters, ...Object.fromEntries(new URLSearchParams(text)) };
  }
  for (const [name, value] of Object.entries(parseJson(text))) {
    if (value === null || value === undefined) continue;
    parameters[name] = typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
  }
  return parameters;
}

function parseJson(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedBody(text);
  }
  if (typeof value !== 'object' || value === null) throw new MalformedBody(text);
  return value;
}

/** A 500 whose body is the reason as bare text. */
export class MalformedBody extends PveError {
  override name = 'MalformedBody';

  constructor(text: string) {
    super(
      500,
      `malformed JSON string, neither tag, array, object, number, string or atom, at character offset ${text.length} (before "(end of string)") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.`,
    );
  }
}
