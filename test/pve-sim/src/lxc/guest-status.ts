import type { GuestState } from '../backend.ts';
import type { Guest } from '../guests/guest-registry.ts';
import type { World } from '../world.ts';

const STOPPED: GuestState = {
  running: false,
  frozen: false,
  uptimeSeconds: 0,
  diskBytes: 0,
  maxDiskBytes: 0,
};

/** A guest that is being restored has a configuration already, and no disk yet. */
export async function stateOf(world: World, guest: Guest): Promise<GuestState> {
  return guest.lock === 'create' ? STOPPED : await world.backend.state(guest.vmid);
}

const PRESSURES = [
  'pressurecpufull',
  'pressurecpusome',
  'pressureiofull',
  'pressureiosome',
  'pressurememoryfull',
  'pressurememorysome',
];

const MEGABYTE = 1024 ** 2;

/** As in `GET …/lxc` and `status/current`. A frozen guest says `running`. */
export async function guestStatus(world: World, guest: Guest): Promise<Record<string, unknown>> {
  const state = await stateOf(world, guest);
  return {
    vmid: guest.vmid,
    name: guest.name,
    type: 'lxc',
    status: state.running ? 'running' : 'stopped',
    ...(state.pid === undefined ? {} : { pid: state.pid }),
    ...(guest.lock === undefined ? {} : { lock: guest.lock }),
    uptime: state.uptimeSeconds,
    cpu: 0,
    cpus: Number(guest.config['cores'] ?? 1),
    mem: 0,
    maxmem: Number(guest.config['memory'] ?? 512) * MEGABYTE,
    swap: 0,
    maxswap: Number(guest.config['swap'] ?? 512) * MEGABYTE,
    disk: state.diskBytes,
    maxdisk: state.maxDiskBytes,
    diskread: 0,
    diskwrite: 0,
    netin: 0,
    netout: 0,
    ...(state.running ? Object.fromEntries(PRESSURES.map((name) => [name, '0.00'])) : {}),
  };
}

/** As in `GET /cluster/resources`. */
export async function guestResource(world: World, guest: Guest): Promise<Record<string, unknown>> {
  const status = await guestStatus(world, guest);
  const pool = world.access.pools.of(guest.vmid);
  const shared = [
    'vmid',
    'name',
    'type',
    'status',
    'lock',
    'uptime',
    'cpu',
    'mem',
    'maxmem',
    'disk',
    'maxdisk',
  ];
  const counters = ['diskread', 'diskwrite', 'netin', 'netout'];
  return {
    id: `lxc/${guest.vmid}`,
    node: guest.node,
    template: 0,
    maxcpu: status['cpus'],
    memhost: 0,
    ...(guest.config['tags'] === undefined ? {} : { tags: guest.config['tags'] }),
    ...(pool === undefined ? {} : { pool }),
    ...Object.fromEntries(
      [...shared, ...counters].filter((key) => key in status).map((key) => [key, status[key]]),
    ),
  };
}
