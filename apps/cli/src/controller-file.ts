import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { exitCodes } from './exit-codes.ts';

const controllerFileSchema = z.object({
  url: z.url({ protocol: /^https$/ }),
  /** SHA-256 of the controller's certificate, `AA:BB:…`. */
  fingerprint: z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  token: z.string().min(1),
});
export type ControllerAccess = z.infer<typeof controllerFileSchema>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `tacet help configuration` has the order.
 *
 * @param named by `--controller`: then nothing of the environment is looked at
 * @throws CliError
 */
export async function findController(
  named: string | undefined,
  env: Environment,
  places = usualPlaces(),
): Promise<ControllerAccess> {
  if (named !== undefined) return await readControllerFile(named);
  const token = await tokenOf(env);
  const url = env['TACET_URL'];
  if (url === undefined) {
    const access = await readControllerFile(env['TACET_CONTROLLER'], places);
    return token === undefined ? access : { ...access, token };
  }
  const said = { url, fingerprint: env['TACET_FINGERPRINT'], token };
  return check(
    said,
    'the environment',
    'TACET_URL needs TACET_FINGERPRINT, and TACET_TOKEN or TACET_TOKEN_FILE.',
  );
}

async function tokenOf({
  TACET_TOKEN: token,
  TACET_TOKEN_FILE: file,
}: Environment): Promise<string | undefined> {
  if (token !== undefined && token !== '') return token;
  return file === undefined ? undefined : (await readIfThere(file, true))?.trim();
}

/** Where access to a controller is looked for when neither option nor environment names a file. */
export function usualPlaces(home = homedir()): string[] {
  return ['/var/lib/tacet-controller/cli.json', join(home, '.config', 'tacet', 'controller.json')];
}

/**
 * @param named then no other place is looked at
 * @throws CliError
 */
export async function readControllerFile(
  named: string | undefined,
  places = usualPlaces(),
): Promise<ControllerAccess> {
  for (const path of named === undefined ? places : [named]) {
    const text = await readIfThere(path, named !== undefined);
    if (text !== undefined) return parse(path, text);
  }
  throw new CliError('no controller is known here', exitCodes.usage, {
    code: 'no-controller',
    hint: `Copy cli.json from the controller's state directory to ${places.at(-1)}, or name it: --controller FILE.`,
  });
}

async function readIfThere(path: string, mustBe: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (!mustBe && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new CliError(`cannot read ${path}`, exitCodes.usage, { code: 'no-controller', cause });
  }
}

function parse(path: string, text: string): ControllerAccess {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    said = undefined; // what is no JSON is no access either
  }
  return check(said, path, 'Copy cli.json from the controller’s state directory again.');
}

/** Nothing of what was said is told: it has a token in it. */
function check(said: unknown, where: string, hint: string): ControllerAccess {
  const parsed = controllerFileSchema.safeParse(said);
  if (parsed.success) return parsed.data;
  throw new CliError(`${where} does not describe a controller`, exitCodes.usage, {
    code: 'no-controller',
    hint,
    cause: new Error(z.prettifyError(parsed.error)),
  });
}
