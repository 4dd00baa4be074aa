import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleWriter } from './bundle-writer.ts';

const suite = 'trixie';
const mirror = process.env['TACET_LAB_MIRROR'] ?? 'http://deb.debian.org/debian';

/** Files that go into the guest (`guest/`) and into its images (`images/<name>/`). */
const filesDirectory = resolve(import.meta.dirname, '../../template');

const guestPackages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'iproute2',
  'iptables',
  'procps',
  'ca-certificates',
  'nodejs',
  'docker.io',
  'docker-cli',
  'docker-compose',
  'sqlite3',
];

// One root filesystem serves all images: they differ in their entry points.
const basePackages = [
  'postgresql',
  'mariadb-server',
  'redis-server',
  'valkey-server',
  'sqlite3',
  'nginx-light',
  'gosu',
  'nodejs',
  'procps',
];

/** Folder below `images/` and the name that a compose file knows the image by. */
const images = [
  { folder: 'postgres', tag: 'postgres:17' },
  { folder: 'mariadb', tag: 'mariadb:11' },
  { folder: 'redis', tag: 'redis:8' },
  { folder: 'valkey', tag: 'valkey/valkey:8' },
  { folder: 'nginx', tag: 'nginx:1' },
  { folder: 'writer', tag: 'tacet-lab/writer:1' },
];

export interface TemplateDefinition {
  suite: string;
  mirror: string;
  guestPackages: string[];
  basePackages: string[];
  images: { folder: string; tag: string }[];
  filesDirectory: string;
  /** The bundled writer, which its image's build context gets besides the files. */
  writer: string;
  /** Of everything above and of the code that builds it: names the cached result. */
  hash: string;
}

export async function templateDefinition(): Promise<TemplateDefinition> {
  const writer = await bundleWriter();
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ suite, guestPackages, basePackages, images, arch: process.arch }));
  hash.update(writer);
  for (const directory of [filesDirectory, import.meta.dirname]) {
    for (const file of await filesBelow(directory)) {
      hash.update(`${file}\0`);
      hash.update(await readFile(join(directory, file)));
    }
  }
  return {
    suite,
    mirror,
    guestPackages,
    basePackages,
    images,
    filesDirectory,
    writer,
    hash: hash.digest('hex').slice(0, 16),
  };
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
