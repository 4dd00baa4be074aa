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
  })
  .catchall(z.unknown())
  .transform((config) => ({
    digest: config.digest,
    hostname: config.hostname,
    unprivileged: config.unprivileged,
    /** As `{nesting: '1', keyctl: '1'}` */
    features: parseProperties(config.features),
    lock: config.lock,
    description: config.description,
    tags: config.tags?.split(/[;,\s]+/).filter((tag) => tag !== '') ?? [],
    mountPoints: mountPoints(config),
    /** By interface, as `{net0: {name: 'eth0', bridge: 'vmbr0', hwaddr: …}}` */
    networks: Object.fromEntries(
      stringsNamed(config, /^net\d+$/).map(([key, text]) => [key, parseProperties(text)]),
    ),
  }));
export type LxcConfig = z.output<typeof lxcConfigSchema>;

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
    return { key, volume, path, kind, backedUp: wanted && kind === 'volume' };
  });
}

function stringsNamed(config: Record<string, unknown>, name: RegExp): [string, string][] {
  return Object.entries(config).filter(
    (entry): entry is [string, string] => name.test(entry[0]) && typeof entry[1] === 'string',
  );
}
