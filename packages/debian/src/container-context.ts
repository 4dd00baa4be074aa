import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { install } from './build-deb.ts';
import type { Deb } from './deb.ts';

const run = promisify(execFile);
const definition = join(import.meta.dirname, '..', 'container');

/** Of a package's files those that a container has a use for. */
const inContainer = /^\/usr\/(?:lib\/tacet|s?bin|share\/doc)\//;

/**
 * What `docker build - <` takes: the definition of the image, and the files of the controller's package, so that both
 * are the same program. The same input gives the same bytes.
 * @returns the path of the archive, in `directory`.
 */
export async function buildContainerContext(deb: Deb, epochS: number, directory: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), `${deb.name}-context-`));
  try {
    for (const file of deb.files.filter(({ path }) => inContainer.test(path))) {
      await install(join(root, 'rootfs'), file);
    }
    const health = {
      path: '/usr/lib/tacet/container/health.mjs',
      content: { file: definitionOf('health.mjs') },
    };
    await install(join(root, 'rootfs'), health);
    await mkdir(join(root, 'state'));
    await chmod(join(root, 'state'), 0o700);
    // Whatever the umask of whoever builds it.
    for (const folder of [root, join(root, 'rootfs')]) await chmod(folder, 0o755);
    // By the name that every builder looks for.
    await install(root, { path: 'Dockerfile', content: { file: definitionOf('Containerfile') } });
    await install(root, { path: 'compose.yaml', content: { file: definitionOf('compose.yaml') } });
    const target = join(directory, `${deb.name}_${deb.version}_${deb.architecture}.context.tar.gz`);
    const sameBytes = ['--sort=name', `--mtime=@${epochS}`, '--owner=0', '--group=0', '--numeric-owner'];
    // Otherwise gzip writes the time.
    const compressor = '--use-compress-program=gzip -n -6';
    await run('tar', [
      '--create',
      '--format=gnu',
      ...sameBytes,
      compressor,
      '--file',
      target,
      '-C',
      root,
      '.',
    ]);
    return target;
  } finally {
    await rm(root, { recursive: true });
  }
}

function definitionOf(name: string): string {
  return join(definition, name);
}
