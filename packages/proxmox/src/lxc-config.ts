import * as z from 'zod';
import { flag } from './values.ts';

export interface MountPoint {
  /** `rootfs`, `mp0`, … */
  readonly key: string;
  /** `local-lvm:vm-101-disk-0`; the host's own path for a bind mount or a device */
  readonly volume: string;
  /** Where it is in the guest. */
  readonly path: string;
  readonly kind: 'volume' | 'bind' | 'device';
  /** Whether vzdump takes it along: the root always, others with `backup=1`, bind mounts and devices never. */
  readonly backedUp: boolean;
  /** As configured; null where nothing is, as for a subvolume without a quota. */
  readonly sizeBytes: number | null;
  /** The whole of it, as `pct set` takes it: `local-lvm:vm-101-disk-1,mp=/data,size=4G`. */
  readonly text: string;
}

export const lxcConfigSchema = z
  .object({
    digest: z.string(),
    hostname: z.string().optional(),
    unprivileged: flag.default(false),
    features: z.string().default(''),
    /** `backup`, `snapshot`, `rollback`, …: what the guest is locked for. A killed vzdump leaves it behind. */
    lock: z.string().optional(),
    description: z.string().default(''),
    tags: z.string().optional(),
    protection: flag.default(false),
  })
  .catchall(z.unknown())
  .transform((config) => ({
    digest: config.digest,
    hostname: config.hostname,
    unprivileged: config.unprivileged,
    /** As `{nesting: '1', keyctl: '1'}` */
    features: parseProperties(config.features),
    lock: config.lock,
    /** Proxmox VE removes neither the guest nor a disk of it. */
    protection: config.protection,
    description: config.description,
    tags: config.tags?.split(/[;,\s]+/).filter((tag) => tag !== '') ?? [],
    mountPoints: mountPoints(config),
    /** By interface, as `{net0: {name: 'eth0', bridge: 'vmbr0', hwaddr: …}}` */
    networks: Object.fromEntries(
      stringsNamed(config, /^net\d+$/).map(([key, text]) => [key, parseProperties(text)]),
    ),
  }));
export type LxcConfig = z.output<typeof lxcConfigSchema>;

/** What an archive says of its guest, as `vzdump.extractConfig` has it; it has no digest. */
export function parseArchivedConfig(text: string): LxcConfig {
  const config: Record<string, string> = { digest: '' };
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) break; // a snapshot's
    const [, key, value] = /^([a-z][a-z0-9_-]*): *(.*)$/.exec(line.trimEnd()) ?? [];
    if (key !== undefined && value !== undefined) config[key] = value;
  }
  return lxcConfigSchema.parse(config);
}

/** The other way round from {@link parseProperties}. */
export function printProperties(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => (key === '' ? value : `${key}=${value}`))
    .join(',');
}

/** `local:101/vm-101-disk-0.raw,size=2G` → `{'': 'local:101/…', size: '2G'}`: the bare first item has no key. */
export function parseProperties(text: string): Record<string, string> {
  const items = text.split(',').filter((item) => item !== '');
  return Object.fromEntries(
    items.map((item) => {
      const at = item.indexOf('=');
      return at === -1 ? ['', item] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

function mountPoints(config: Record<string, unknown>): MountPoint[] {
  return stringsNamed(config, /^(?:rootfs|mp\d+)$/).map(([key, text]) => {
    const properties = parseProperties(text);
    const volume = properties[''] ?? properties['volume'] ?? '';
    const kind = volume.startsWith('/dev/') ? 'device' : volume.startsWith('/') ? 'bind' : 'volume';
    const isRoot = key === 'rootfs';
    const wanted = isRoot || /^(?:1|yes|on|true)$/i.test(properties['backup'] ?? '');
    const path = isRoot ? '/' : (properties['mp'] ?? '');
    const backedUp = wanted && kind === 'volume';
    return { key, volume, path, kind, backedUp, sizeBytes: parseSize(properties['size']), text };
  });
}

/** `8G`; powers of 1024. */
function parseSize(text = ''): number | null {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  if (number === undefined || Number(number) === 0) return null;
  return Math.ceil(Number(number) * 1024 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit));
}

function stringsNamed(config: Record<string, unknown>, name: RegExp): [string, string][] {
  return Object.entries(config).filter(
    (entry): entry is [string, string] => name.test(entry[0]) && typeof entry[1] === 'string',
  );
}
