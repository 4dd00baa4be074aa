import { randomInt } from 'node:crypto';
import { type Call, data, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { BOOLEAN, INTEGER, type Parameters, type ParameterSchema, splitList, STRING } from '../api/schema.ts';
import { type GuestConfig, parsePropertyString, printPropertyString } from '../guests/config.ts';
import type { Guest } from '../guests/guest-registry.ts';
import type { World } from '../world.ts';

const numbered = (prefix: string, count: number): ParameterSchema =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, STRING]));

/** What a container's configuration may hold and a call may set. */
export const CONFIG_PARAMETERS: ParameterSchema = {
  arch: { type: 'string', enum: ['amd64', 'i386', 'arm64', 'armhf', 'riscv32', 'riscv64'] },
  cmode: { type: 'string', enum: ['shell', 'console', 'tty'] },
  console: BOOLEAN,
  cores: { type: 'integer', minimum: 1, maximum: 8192 },
  cpulimit: STRING,
  cpuunits: INTEGER,
  description: STRING,
  features: STRING,
  hostname: STRING,
  memory: { type: 'integer', minimum: 16 },
  ...numbered('mp', 16),
  nameserver: STRING,
  ...numbered('net', 8),
  onboot: BOOLEAN,
  ostype: STRING,
  protection: BOOLEAN,
  rootfs: STRING,
  searchdomain: STRING,
  startup: STRING,
  swap: INTEGER,
  tags: STRING,
  timezone: STRING,
  tty: INTEGER,
  unprivileged: BOOLEAN,
};

export const UPDATE_PARAMETERS: ParameterSchema = { ...CONFIG_PARAMETERS, delete: STRING, digest: STRING };

export function updateConfig(call: Call, guest: Guest): Reply {
  const { world, parameters } = call;
  const { digest, delete: removed = '' } = parameters;
  if (digest !== undefined && digest !== guest.digest) {
    throw failed('detected modified configuration - file changed by other user? Try again.');
  }
  guest.requireUnlocked();
  const kept = Object.entries(guest.config).filter(([key]) => !splitList(removed).includes(key));
  guest.config = { ...Object.fromEntries(kept), ...configChanges(world, parameters) };
  return data(null);
}

/** The configuration keys among the parameters, in the form the configuration file has them. */
export function configChanges(world: World, parameters: Parameters): GuestConfig {
  const changes: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(parameters)) {
    const spec = CONFIG_PARAMETERS[key];
    if (spec === undefined || ['vmid', 'node'].includes(key)) continue;
    if (/^net\d+$/.test(key)) changes[key] = network(world, value);
    else if (key === 'description') changes[key] = `${value.trimEnd()}\n`;
    else changes[key] = spec.type === 'string' ? value : Number(value);
  }
  return changes;
}

const NETWORK_ORDER = ['name', 'bridge', 'firewall', 'gw', 'gw6', 'hwaddr', 'ip', 'ip6', 'link_down', 'mtu'];

/** A network gets a MAC address when it has none, and its properties in Proxmox VE's order. */
function network(world: World, text: string): string {
  const properties = parsePropertyString(text, 'name');
  const bridge = properties.get('bridge');
  if (bridge !== undefined && !world.bridges.has(bridge)) throw failed(`bridge '${bridge}' does not exist`);
  if (!properties.has('hwaddr')) properties.set('hwaddr', randomMac());
  properties.delete('type');
  const sorted = [...properties].toSorted(([a], [b]) => networkRank(a) - networkRank(b));
  return printPropertyString(new Map([...sorted, ['type', 'veth']]), '');
}

function networkRank(key: string): number {
  const at = NETWORK_ORDER.indexOf(key);
  return at === -1 ? NETWORK_ORDER.length : at;
}

/** `BC:24:11` is Proxmox's own prefix. */
export function randomMac(): string {
  const octets = Array.from({ length: 3 }, () => randomInt(256).toString(16).toUpperCase().padStart(2, '0'));
  return `BC:24:11:${octets.join(':')}`;
}
