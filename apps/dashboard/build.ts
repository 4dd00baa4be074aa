// Builds the dashboard into `dist`: static files, no inline script and no inline style, for a strict CSP.
// `node build.ts --watch` builds again whenever a source changes.
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, 'src');

await build({
  root,
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir: join(import.meta.dirname, 'dist'),
    emptyOutDir: true,
    target: 'es2023',
    // A data: URL would need its own exception in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // `use client` of libraries says something to servers that render, and there is none here.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
    watch: process.argv.includes('--watch') ? {} : null,
  },
});
