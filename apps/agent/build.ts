// Bundles the agent into one file that runs on the Node 20 of Debian 13: `dist/tacet-agent.cjs`.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = import.meta.dirname;
const outfile = join(root, 'dist', 'tacet-agent.cjs');
const limitBytes = 580_000;

/** Transports of dockerode that are packages of their own, and what it builds images with. */
const leftOut =
  /^(ssh2|cpu-features|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore)$/;

/**
 * By whose file asks for it: the kinds of things that Tacet never asks an engine for, the WebSocket's other end, and
 * descriptions of schemas. Nothing that the agent ever reaches: it is replaced by something that says so, should that
 * turn out to be wrong.
 */
const leftOutOf: readonly { importer: RegExp; path: RegExp }[] = [
  {
    importer: /\/(dockerode|docker-modem)\/lib\//,
    path: /^\.\/(ssh|session|buildkit|image|volume|service|plugin|secret|config|task|node)$/,
  },
  // Nothing is sent compressed.
  { importer: /\/(dockerode|ws)\/lib\//, path: /^zlib$/ },
  { importer: /\/ws\/wrapper\.mjs$/, path: /^\.\/lib\/(stream|websocket-server)\.js$/ },
  { importer: /\/zod\/v4\//, path: /^\.\.\/core\/(json-schema-processors|to-json-schema)\.js$/ },
];

/** What dockerode brings though Node has it, and a log of its own that nobody can switch on here. */
const insteadOf: Readonly<Record<string, string>> = {
  'readable-stream': "module.exports = require('node:stream');",
  debug: 'module.exports = () => () => undefined;',
};

const withoutUnused: Plugin = {
  name: 'without-unused',
  setup(bundle) {
    bundle.onResolve({ filter: leftOut }, ({ path }) => ({ path, namespace: 'left-out' }));
    for (const one of leftOutOf) {
      bundle.onResolve({ filter: one.path }, ({ path, importer }) =>
        one.importer.test(importer) ? { path, namespace: 'left-out' } : undefined,
      );
    }
    bundle.onResolve({ filter: /^(readable-stream|debug)$/ }, ({ path }) => ({ path, namespace: 'instead' }));
    bundle.onLoad({ filter: /.*/, namespace: 'instead' }, ({ path }) => ({
      contents: insteadOf[path] ?? '',
      resolveDir: root,
    }));
    bundle.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({ contents: stub(path) }));
  },
};

function stub(name: string): string {
  const text = JSON.stringify(`${name} is left out of the agent's bundle`);
  return `
    class LeftOutOfBundleError extends Error { name = 'LeftOutOfBundleError'; }
    const fail = () => { throw new LeftOutOfBundleError(${text}); };
    module.exports = new Proxy(function () { fail(); }, { get: () => function () { fail(); } });
  `;
}

/**
 * `import { z } from 'zod'` keeps all of zod, its forty languages included, because the namespace is a value
 * there; a namespace import does not. The workspace's packages have no side effects, which drops what the
 * agent does not import of them.
 */
const treeShakable: Plugin = {
  name: 'tree-shakable',
  setup(bundle) {
    bundle.onLoad({ filter: /\/(apps|packages)\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(
        "import { z } from 'zod';",
        "import * as z from 'zod';",
      ),
      loader: 'ts',
    }));
    bundle.onResolve({ filter: /^(@tacet\/|\.)/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === 'resolved' || !/\/(apps|packages)\/[^/]+\/src\//.test(from.importer))
        return undefined;
      const { importer, kind, resolveDir } = from;
      const found = await bundle.resolve(path, { importer, kind, resolveDir, pluginData: 'resolved' });
      return { ...found, sideEffects: path === './kept-small.ts' };
    });
  },
};

const { metafile } = await build({
  entryPoints: [join(root, 'src', 'main.ts')],
  outfile,
  // So that what is written about the bundle does not depend on where this is called.
  absWorkingDir: join(root, '..', '..'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  // Names stay as they are: to put back those that are shortened costs a megabyte at run time.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'external',
  legalComments: 'none',
  metafile: true,
  banner: { js: '#!/usr/bin/env node' },
  plugins: [withoutUnused, treeShakable],
});
await writeFile(join(root, 'dist', 'meta.json'), JSON.stringify(metafile));

const output = Object.entries(metafile.outputs).find(([path]) => path.endsWith('tacet-agent.cjs'))?.[1];
const sizeBytes = output?.bytes ?? Number.POSITIVE_INFINITY;
console.log(`dist/tacet-agent.cjs: ${sizeBytes} bytes`);
const largest = Object.entries(output?.inputs ?? {}).toSorted(
  (a, b) => b[1].bytesInOutput - a[1].bytesInOutput,
);
for (const [path, { bytesInOutput }] of largest.slice(0, 5)) console.log(`  ${bytesInOutput}  ${path}`);
if (sizeBytes > limitBytes) {
  console.error(`The bundle is larger than ${limitBytes} bytes: see dist/meta.json for what came in.`);
  process.exitCode = 1;
}
