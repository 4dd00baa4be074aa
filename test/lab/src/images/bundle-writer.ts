import { resolve } from 'node:path';
import { build } from 'esbuild';

/** The writer as one file for Debian's Node 20. */
export async function bundleWriter(): Promise<string> {
  const result = await build({
    entryPoints: [resolve(import.meta.dirname, '../writer/main.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    external: ['pg-native'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    // The result must not depend on where the clone is.
    absWorkingDir: resolve(import.meta.dirname, '../..'),
    minifyWhitespace: true,
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  if (!file) throw new Error('esbuild made no file of the writer');
  return file.text;
}
