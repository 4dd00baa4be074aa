import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  /** SPDX expression. */
  license: z.string(),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/** What a `package.json` says. @throws ZodError where something of it is missing. */
export async function readManifest(directory: string): Promise<z.infer<typeof manifestSchema>> {
  return manifestSchema.parse(JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')));
}
