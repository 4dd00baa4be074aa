import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { VMID } from '../api/schema.ts';
import { guestResource } from '../lxc/guest-status.ts';

const VERSION = { release: '9.2', repoid: '14a22df35955d97d', version: '9.2.11' };

const version = (): Reply => data(VERSION);

function uptimeSeconds({ world }: Call): number {
  return Math.floor((Date.now() - world.startedAtMs) / 1000);
}

/** The numbers are for auditors only. */
function nodeNumbers(call: Call, node: string): Record<string, unknown> {
  if (!call.world.access.allows(call.caller, `/nodes/${node}`, 'Sys.Audit')) return {};
  return {
    cpu: 0.01,
    maxcpu: 2,
    mem: 1_861_971_968,
    maxmem: 25_276_514_304,
    disk: 36_952_207_360,
    maxdisk: 270_553_174_016,
    uptime: uptimeSeconds(call),
  };
}

function listNodes(call: Call): Reply {
  const { world } = call;
  return data(
    world.nodes.map((node) => ({
      id: `node/${node}`,
      node,
      type: 'node',
      status: 'online',
      level: '',
      ssl_fingerprint: world.fingerprint,
      ...nodeNumbers(call, node),
    })),
  );
}

async function resources(call: Call): Promise<Reply> {
  const { world, caller, parameters } = call;
  const wanted = (...types: string[]): boolean =>
    parameters['type'] === undefined || types.includes(parameters['type']);
  const found: unknown[] = [];
  if (wanted('vm', 'lxc')) {
    for (const guest of world.guests.all()) {
      if (!world.access.allows(caller, `/vms/${guest.vmid}`, 'VM.Audit')) continue;
      found.push(await guestResource(world, guest));
    }
  }
  if (wanted('node')) {
    for (const node of world.nodes) {
      found.push({
        id: `node/${node}`,
        node,
        type: 'node',
        status: 'online',
        level: '',
        'cgroup-mode': 2,
        ...nodeNumbers(call, node),
      });
    }
  }
  if (wanted('storage')) found.push(...storageResources(call));
  if (wanted('network', 'sdn')) found.push(...networkResources(call));
  return data(found);
}

/** Unlike elsewhere, `Datastore.AllocateSpace` alone does not show a storage here. */
function storageResources({ world, caller }: Call): unknown[] {
  return world.storages
    .all()
    .filter(({ storage }) => world.access.allows(caller, `/storage/${storage}`, 'Datastore.Audit'))
    .flatMap(({ storage, type, content, shared, totalBytes, disabled }) =>
      world.nodes.map((node) => ({
        id: `storage/${node}/${storage}`,
        node,
        storage,
        type: 'storage',
        plugintype: type,
        content: content.join(','),
        shared: shared === true ? 1 : 0,
        status: disabled === true ? 'unknown' : 'available',
        disk: 36_952_580_096,
        maxdisk: totalBytes ?? 270_553_174_016,
      })),
    );
}

function networkResources({ world, caller }: Call): unknown[] {
  if (!world.access.allows(caller, '/sdn/zones/localnetwork', 'SDN.Audit')) return [];
  return world.nodes.map((node) => ({
    id: `network/${node}/zone/localnetwork`,
    node,
    network: 'localnetwork',
    'network-type': 'zone',
    type: 'network',
    status: 'ok',
  }));
}

function status({ world }: Call): Reply {
  return data(
    world.nodes.map((name, index) => ({
      id: `node/${name}`,
      name,
      type: 'node',
      ip: `10.88.0.${index + 1}`,
      level: '',
      local: index === 0 ? 1 : 0,
      nodeid: index,
      online: 1,
    })),
  );
}

function nextId({ world, parameters }: Call): Reply {
  const wanted = parameters['vmid'];
  if (wanted !== undefined) {
    if (world.guests.get(Number(wanted)) !== undefined) throw failed(`VM ${wanted} already exists`);
    return data(wanted);
  }
  let vmid = 100;
  while (world.guests.get(vmid) !== undefined) vmid += 1;
  return data(String(vmid));
}

function nodeStatus(call: Call): Reply {
  const numbers = nodeNumbers(call, parameter(call, 'node'));
  return data({
    pveversion: `pve-manager/${VERSION.version}/${VERSION.repoid}`,
    kversion: 'Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0',
    uptime: numbers['uptime'],
    cpu: 0,
    idle: 0,
    wait: 0,
    loadavg: ['0.10', '0.10', '0.10'],
    cpuinfo: {
      cpus: 2,
      cores: 2,
      sockets: 1,
      model: 'simulated',
      vendor: 'AuthenticAMD',
      family: '25',
      flags: 'fpu',
      hvm: '1',
      mhz: '2600.000',
      user_hz: 100,
    },
    memory: {
      total: numbers['maxmem'],
      used: numbers['mem'],
      free: 23_414_542_336,
      available: 23_414_542_336,
    },
    rootfs: {
      total: numbers['maxdisk'],
      used: numbers['disk'],
      free: 233_600_966_656,
      avail: 71_992_070_144,
    },
    swap: { total: 0, used: 0, free: 0 },
    ksm: { shared: 0 },
    'boot-info': { mode: 'legacy-bios' },
    'current-kernel': {
      sysname: 'Linux',
      release: '6.18.44',
      version: '#1 SMP PREEMPT_DYNAMIC @0',
      machine: 'x86_64',
    },
  });
}

export const clusterEndpoints: readonly Endpoint[] = [
  { method: 'GET', path: '/version', handle: version },
  { method: 'GET', path: '/nodes/{node}/version', handle: version },
  { method: 'GET', path: '/nodes', handle: listNodes },
  {
    method: 'GET',
    path: '/nodes/{node}/status',
    permission: (call) =>
      call.world.access.require(call.caller, `/nodes/${call.parameters['node']}`, 'Sys.Audit'),
    protected: true,
    handle: nodeStatus,
  },
  {
    method: 'GET',
    path: '/cluster/resources',
    parameters: { type: { type: 'string', enum: ['vm', 'storage', 'node', 'sdn', 'network'] } },
    handle: resources,
  },
  {
    method: 'GET',
    path: '/cluster/status',
    permission: ({ world, caller }) => world.access.require(caller, '/', 'Sys.Audit'),
    protected: true,
    handle: status,
  },
  { method: 'GET', path: '/cluster/nextid', parameters: { vmid: VMID }, handle: nextId },
  {
    method: 'GET',
    path: '/cluster/backup',
    permission: ({ world, caller }) => world.access.require(caller, '/', 'Sys.Audit'),
    // Scheduled jobs are not simulated: there are none.
    handle: () => data([]),
  },
];
