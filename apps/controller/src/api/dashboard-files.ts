import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { Context, Handler } from 'hono';
import { Failure } from '../failure.ts';
import { matches } from './conditional-get.ts';

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** As Vite names what it builds: with a hash of the content, so that it never changes. */
const hashed = /^\/assets\/.+-[\w-]{8,}\.\w+$/;
const YEAR_S = 31_536_000;

const notBuilt = `Tacet: the dashboard is not built.

In the sources: pnpm --filter @tacet/dashboard build
Built elsewhere: set "dashboardDir" in the controller's configuration to its folder.

The HTTP API is at /api/v1, its description at /api/v1/openapi.json.
`;

/**
 * The dashboard as it was built: its files, and its start page for every path that names none, because the dashboard has
 * paths of its own.
 */
export function dashboardFiles(directory: string): Handler {
  return async (c) => {
    const { path } = c.req;
    if (/^\/(?:api|agent)(?:\/|$)/.test(path)) throw nowhere(path);
    const file = await readWithin(directory, path);
    if (file !== undefined) return send(c, path, file);
    if (path.slice(path.lastIndexOf('/')).includes('.')) throw nowhere(path);
    const page = await readWithin(directory, '/index.html');
    return page === undefined ? c.text(notBuilt, 404) : send(c, '/index.html', page);
  };
}

function send(c: Context, path: string, content: Buffer<ArrayBuffer>): Response {
  const tag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`;
  c.header('ETag', tag);
  c.header('Cache-Control', hashed.test(path) ? `public, max-age=${YEAR_S}, immutable` : 'no-cache');
  if (matches(c.req.header('If-None-Match'), tag)) return c.body(null, 304);
  return c.body(content, 200, { 'Content-Type': types[extname(path)] ?? 'application/octet-stream' });
}

/** Undefined where there is no such file in the directory. */
async function readWithin(directory: string, path: string): Promise<Buffer<ArrayBuffer> | undefined> {
  const name = decode(path);
  if (name === undefined || name.includes('\0')) return undefined;
  const file = join(directory, name);
  if (!file.startsWith(directory + sep)) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && absent.has(String(error.code))) return undefined;
    throw error;
  }
}

const absent: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG']);

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined; // no name of a file
  }
}

function nowhere(path: string): Failure {
  return new Failure('not-found', `no such path: ${path}`);
}
