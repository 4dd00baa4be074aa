// `npm run sim`: a simulated Proxmox VE with a few guests, until it is interrupted.
import { parseArgs } from 'node:util';
import { MemoryBackend } from './memory/memory-backend.ts';
import { startPveSim } from './sim.ts';

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8006' },
    hook: { type: 'string' },
  },
});

const guest = (vmid: number, hostname: string, storage: string) => ({
  vmid,
  config: {
    arch: 'amd64',
    cores: 2,
    features: 'nesting=1,keyctl=1',
    hostname,
    memory: 2048,
    net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:${vmid - 90},ip=dhcp,type=veth`,
    ostype: 'debian',
    rootfs: `${storage}:${storage === 'tank' ? '' : `${vmid}/`}subvol-${vmid}-disk-0,size=8G`,
    swap: 512,
    unprivileged: 1,
  },
});

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());

await using sim = await startPveSim({
  backend: new MemoryBackend({
    guests: [guest(101, 'web', 'tank'), guest(102, 'shop', 'tank'), guest(103, 'old', 'local')],
    stepMs: 1_000,
  }),
  address: values.address,
  port: Number(values.port),
  storages: [
    { storage: 'local', type: 'dir', content: ['backup', 'rootdir'], path: '/var/lib/vz' },
    { storage: 'tank', type: 'zfspool', content: ['images', 'rootdir'], path: '/tank' },
  ],
  users: [{ userid: 'root@pam', password: 'tacet' }],
  ...(values.hook === undefined ? {} : { hookScript: values.hook }),
  signal: interrupted.signal,
});
const token = sim.createToken('root@pam', { tokenid: 'sim', privsep: false });

console.log(`A simulated Proxmox VE 9.2; its guests exist in this process only.

  address      ${sim.url}/api2/json
  fingerprint  ${sim.fingerprint}
  token        Authorization: PVEAPIToken=${token.id}=${token.secret}
  login        root@pam with the password tacet
  guests       101 web, 102 shop (snapshots), 103 old (falls back to suspend)

Interrupt to end it.`);

await new Promise<void>((resolve) => {
  interrupted.signal.addEventListener('abort', () => resolve(), { once: true });
});
