import { mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { paths } from '../host/paths.ts';
import { CommandError, run, runToExit } from '../host/run.ts';
import type { ArchiveResult } from '../types.ts';
import { asGuestIds } from './user-namespace.ts';

/** What an archive says about its guest besides the files; vzdump keeps it in the same place. */
export interface ArchivedConfig {
  hostname: string;
  mac: string;
  memoryMb: number;
}

const configName = './etc/vzdump/pct.conf';
/** What vzdump leaves out, as shells and tar match names. */
const temporaryFiles = ['tmp/?*', 'var/tmp/?*', 'var/run/?*.pid'];
const attributes = ['--numeric-owner', '--acls', '--xattrs', '--xattrs-include=user.*'];
const capabilities = '--xattrs-include=security.capability';

/** Arguments of tar that write a guest's tree as vzdump does: the configuration first, then the files. */
export function archiveArgv(stagingDirectory: string, tree: string): string[] {
  return [
    'tar',
    '--create',
    '--file=-',
    '--totals',
    '--one-file-system',
    '--sparse',
    ...attributes,
    capabilities,
    '--use-compress-program=zstd -1 --threads=0',
    '--warning=no-file-ignored',
    '--warning=no-xattr-write',
    `--directory=${stagingDirectory}`,
    configName,
    `--directory=${tree}`,
    '--anchored',
    ...temporaryFiles.map((pattern) => `--exclude=./${pattern}`),
    '.',
  ];
}

export async function writeArchive(options: {
  tree: string;
  config: ArchivedConfig;
  target: string;
  /** The tree may change while it is read; then tar's complaint about that is no failure. */
  live: boolean;
  signal?: AbortSignal | undefined;
}): Promise<ArchiveResult> {
  await mkdir(paths.scratch, { recursive: true });
  const staging = await mkdtemp(join(paths.scratch, 'archive-'));
  const target = await open(options.target, 'w');
  try {
    await run(['chmod', '0755', staging]);
    await mkdir(dirname(join(staging, configName)), { recursive: true });
    await writeFile(join(staging, configName), renderArchivedConfig(options.config));
    const argv = asGuestIds(archiveArgv(staging, options.tree));
    const result = await runToExit(argv, {
      stdoutFd: target.fd,
      signal: options.signal,
      timeoutMs: 1_800_000,
    });
    const changedWhileRead = 1;
    if (result.exitCode !== 0 && !(options.live && result.exitCode === changedWhileRead)) {
      throw new CommandError(argv, `exit code ${result.exitCode}`, result);
    }
    const { size } = await stat(options.target);
    return { bytesRead: parseTotal(result.stderr), archiveBytes: size };
  } catch (error) {
    await rm(options.target, { force: true });
    throw error;
  } finally {
    await target.close();
    await rm(staging, { recursive: true, force: true });
  }
}

/** Unpacks into an empty directory that belongs to the guest's root. */
export async function unpackArchive(
  archive: string,
  tree: string,
  signal?: AbortSignal,
): Promise<ArchivedConfig> {
  const source = await open(archive, 'r');
  try {
    await run(
      asGuestIds([
        'tar',
        '--extract',
        '--file=-',
        '--use-compress-program=zstd',
        '--preserve-permissions',
        '--sparse',
        ...attributes,
        capabilities,
        `--directory=${tree}`,
      ]),
      { stdinFd: source.fd, signal, timeoutMs: 1_800_000 },
    );
  } finally {
    await source.close();
  }
  const config = parseArchivedConfig(await readFile(join(tree, configName), 'utf8'));
  await rm(join(tree, dirname(configName)), { recursive: true });
  return config;
}

/** Removes from a copied tree what an archive would not have had. */
export async function forgetTemporaryFiles(tree: string): Promise<void> {
  // In the tree, so that no link of the guest's leads anywhere else.
  const remove = `shopt -s dotglob nullglob && cd / && rm -rf -- ${temporaryFiles.join(' ')}`;
  await run(asGuestIds(['chroot', tree, '/bin/bash', '-c', remove]));
}

/** The lines of a guest's configuration on Proxmox VE that mean something here. */
export function renderArchivedConfig(config: ArchivedConfig): string {
  return [
    'arch: amd64',
    'features: keyctl=1,nesting=1',
    `hostname: ${config.hostname}`,
    `memory: ${config.memoryMb}`,
    `net0: name=eth0,bridge=vmbr0,hwaddr=${config.mac},ip=dhcp,type=veth`,
    'ostype: debian',
    'unprivileged: 1',
    '',
  ].join('\n');
}

export function parseArchivedConfig(text: string): ArchivedConfig {
  const value = (pattern: RegExp): string => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) throw new Error(`the archive's configuration has no ${pattern.source}`);
    return found;
  };
  return {
    hostname: value(/^hostname: (\S+)$/m),
    memoryMb: Number(value(/^memory: (\d+)$/m)),
    mac: value(/^net0: .*hwaddr=([0-9A-Fa-f:]{17})/m),
  };
}

/** tar --totals: `Total bytes written: 1234567 (1.2MiB, 3MiB/s)`. */
export function parseTotal(stderr: string): number {
  const total = /Total bytes written: (\d+)/.exec(stderr)?.[1];
  if (total === undefined) throw new Error(`tar did not say how much it wrote: ${stderr}`);
  return Number(total);
}
