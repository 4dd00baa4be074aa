import { build } from 'esbuild';

/** CommonJS packages in an ES module still ask for what is built into Node. */
const requireForCommonJs =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** One file that Node 24 runs, and of what it was made: paths below `folder`. */
export async function bundleProgram(
  entry: string,
  folder: string,
): Promise<{ code: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: folder,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    keepNames: true,
    legalComments: 'none',
    metafile: true,
    banner: { js: requireForCommonJs },
    // Native accelerators of ws, which it looks for and does without.
    external: ['bufferutil', 'utf-8-validate'],
    outfile: 'program.mjs',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  // It is started by a launcher, with the Node beside it.
  return { code: file.text.replace(/^#!.*\n/, ''), inputs: Object.keys(metafile.inputs) };
}
