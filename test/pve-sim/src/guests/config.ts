import { createHash } from 'node:crypto';

/** A container's configuration as `GET …/config` answers it, without digest, lock and snapshots. */
export type GuestConfig = Readonly<Record<string, string | number>>;

export interface MountPoint {
  /** `rootfs`, `mp0` … */
  readonly key: string;
  /** `store:volume`, or an absolute path for a bind mount. */
  readonly volume: string;
  /** Where it is mounted in the guest; `/` for the root filesystem. */
  readonly path: string;
  readonly kind: 'volume' | 'bind' | 'device';
  readonly storage: string | undefined;
  /** `4G`, `512M`; `0T` for a btrfs subvolume without quota. */
  readonly size: string | undefined;
  readonly backup: boolean;
}

/** `a=1,b=2` with the first, unnamed value under `first`. */
export function parsePropertyString(text: string, first: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    if (at === -1) properties.set(first, part);
    else properties.set(part.slice(0, at), part.slice(at + 1));
  }
  return properties;
}

export function printPropertyString(properties: ReadonlyMap<string, string>, first: string): string {
  return [...properties].map(([key, value]) => (key === first ? value : `${key}=${value}`)).join(',');
}

export function mountPoints(config: GuestConfig): MountPoint[] {
  const keys = Object.keys(config)
    .filter((key) => key === 'rootfs' || /^mp\d+$/.test(key))
    .toSorted((a, b) => order(a) - order(b));
  return keys.map((key) => {
    const properties = parsePropertyString(String(config[key]), 'volume');
    const volume = properties.get('volume') ?? '';
    const kind = volume.startsWith('/dev/') ? 'device' : volume.startsWith('/') ? 'bind' : 'volume';
    return {
      key,
      volume,
      path: key === 'rootfs' ? '/' : (properties.get('mp') ?? ''),
      kind,
      storage: kind === 'volume' ? volume.split(':', 1)[0] : undefined,
      size: properties.get('size'),
      backup: key === 'rootfs' || properties.get('backup') === '1',
    };
  });
}

function order(key: string): number {
  return key === 'rootfs' ? -1 : Number(key.slice(2));
}

/** The text of a pct.conf: keys in alphabetical order, the description as leading comment lines. */
export function configText(config: GuestConfig): string {
  const { description, ...rest } = config;
  const comment =
    description === undefined ? '' : `#${String(description).trimEnd().split('\n').join('\n#')}\n`;
  const lines = Object.keys(rest)
    .toSorted()
    .map((key) => `${key}: ${rest[key]}\n`);
  return comment + lines.join('');
}

const INTEGERS = new Set(['cores', 'memory', 'swap', 'unprivileged', 'onboot', 'protection', 'console']);

export function parseConfigText(text: string): GuestConfig {
  const config: Record<string, string | number> = {};
  let description = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) break;
    if (line.startsWith('#')) description += `${line.slice(1)}\n`;
    const match = /^([a-z][a-z0-9_-]*):\s*(.*)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    config[match[1]] = INTEGERS.has(match[1]) ? Number(match[2]) : match[2];
  }
  if (description !== '') config['description'] = description;
  return config;
}

/** Proxmox VE's digest is the SHA-1 of the whole file; only its changing matters to a client. */
export function configDigest(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** Bytes of a `size=` property; 0 where there is none. */
export function sizeBytes(size: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT])?$/.exec(size ?? '');
  const unit = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }[match?.[2] ?? ''] ?? 1;
  return Number(match?.[1] ?? 0) * unit;
}
