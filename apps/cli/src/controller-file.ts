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

/** Where access to a controller is looked for when neither option nor environment names a file. */
export function usualPlaces(home = homedir()): string[] {
  return ['/var/lib/tacet-controller/cli.json', join(home, '.config', 'tacet', 'controller.json')];
}

/**
 * @param named by `--controller` or `$TACET_CONTROLLER`: then nothing else is looked at.
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
  try {
    return controllerFileSchema.parse(JSON.parse(text));
  } catch (error) {
    const cause = error instanceof z.ZodError ? new Error(z.prettifyError(error)) : error;
    throw new CliError(`${path} does not describe a controller`, exitCodes.usage, {
      code: 'no-controller',
      hint: 'Copy cli.json from the controller’s state directory again.',
      cause,
    });
  }
}
