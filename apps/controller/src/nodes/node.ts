import { readFile } from 'node:fs/promises';
import { connect, followTask, type ProxmoxClient, type Trust, type Upid, waitForTask } from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import type { NodeConfig } from '../config.ts';
import { Failure } from '../failure.ts';
import type { NodePort, StartedTask } from '../jobs/ports.ts';
import { readSecretFile } from '../secret-file.ts';

/** One configured node: its API under a token per tier. */
export interface ConfiguredNode {
  readonly config: NodeConfig;
  readonly backup: ProxmoxClient;
  readonly restore: ProxmoxClient | undefined;
}

/** Reads the secrets and opens the clients; nothing is sent yet. */
export async function openNode(config: NodeConfig, clock: Clock): Promise<ConfiguredNode> {
  const trust = await loadTrust(config.trust);
  const open = async (token: NodeConfig['backupToken']): Promise<ProxmoxClient> => {
    const secret = await readSecretFile(token.secretFile);
    return connect({ url: config.url, token: { id: token.id, secret }, trust, clock });
  };
  return {
    config,
    backup: await open(config.backupToken),
    restore: config.restoreToken && (await open(config.restoreToken)),
  };
}

async function loadTrust(trust: NodeConfig['trust']): Promise<Trust> {
  if (!('ca' in trust) || trust.ca === 'system') return trust;
  try {
    return { ca: await readFile(trust.ca, 'utf8') };
  } catch (cause) {
    throw new Failure('invalid-input', `cannot read the CA certificate ${trust.ca}`, { cause });
  }
}

/** `name` may be another member of the configured node's cluster: any member passes calls on. */
export function nodePort(name: string, { config, backup, restore }: ConfiguredNode, clock: Clock): NodePort {
  const task = (client: ProxmoxClient, upid: Upid): StartedTask => ({
    upid,
    follow: (options) => followTask(client.tasks, upid, { ...options, clock }),
    wait: (options) => waitForTask(client.tasks, upid, { ...options, clock }),
  });
  const operator = (): ProxmoxClient => {
    if (restore !== undefined) return restore;
    throw new Failure('invalid-input', `no token that may restore is configured for node ${name}`, {
      hint: 'Add `restoreToken` to the node in the controller’s configuration.',
    });
  };
  return {
    name,
    backupStorage: config.storage,
    pollMs: config.pollMs,
    canRestore: restore !== undefined,
    canSnapshot: (vmid, signal) => backup.lxc.canSnapshot({ node: name, vmid }, { signal }),
    async storageContent(storage, signal) {
      const { content } = await backup.storage.status({ node: name, storage }, { signal });
      return content;
    },
    async startBackup(vmid, storage, signal) {
      const options = { vmid, storage, mode: 'snapshot', lockwaitMinutes: 0, compress: 'zstd' } as const;
      return task(backup, await backup.vzdump.start(name, { ...options, signal }));
    },
    async backupTasks(vmid, signal) {
      const tasks = await backup.tasks.list(name, { type: 'vzdump', vmid, source: 'all', limit: 50, signal });
      return tasks.map(({ upid }) => task(backup, upid));
    },
    backupAttributes: (volid, signal) => backup.storage.attributes({ node: name, volid }, { signal }),
    setNotes: (volid, notes, signal) =>
      backup.storage.setAttributes({ node: name, volid }, { notes, signal }),
    async restoreStorage(sourceVmid, signal) {
      if (config.restoreStorage !== undefined) return config.restoreStorage;
      const { mountPoints } = await backup.lxc.config({ node: name, vmid: sourceVmid }, { signal });
      const root = mountPoints.find(({ key }) => key === 'rootfs')?.volume.split(':')[0];
      if (root !== undefined && root !== '') return root;
      throw new Failure('invalid-input', 'nothing says where the restored disks shall go', {
        hint: 'Name a storage: tacet restore … --storage STORAGE',
      });
    },
    async startRestore({ volid, vmid, storage }, signal) {
      const client = operator();
      const upid = await client.lxc.restore({
        node: name,
        archive: volid,
        vmid,
        storage,
        unique: true,
        signal,
      });
      return task(client, upid);
    },
    async startGuest(vmid, signal) {
      const client = operator();
      return task(client, await client.lxc.start({ node: name, vmid }, { signal }));
    },
  };
}
