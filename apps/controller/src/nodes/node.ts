import { readFile } from 'node:fs/promises';
import {
  connect,
  followTask,
  ForbiddenError,
  parseUpid,
  type ProxmoxClient,
  type Trust,
  UnauthorizedError,
  type Upid,
  upidSchema,
  waitForTask,
} from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import { tokenSecretFile } from '@tacet/runtime/sealing';
import type { Vault } from '../at-rest/vault.ts';
import type { NodeConfig } from '../config.ts';
import { Failure } from '../failure.ts';
import type { NodePort, StartedTask, TaskType } from '../jobs/ports.ts';
import { guestActions } from './guest-actions.ts';

export interface TokenClient {
  /** `USER@REALM!TOKENID`, as tasks name who started them. */
  readonly tokenId: string;
  readonly api: ProxmoxClient;
}

/** One configured node: its API under a token per guest, or one for all, and one per tier. */
export interface ConfiguredNode {
  readonly config: NodeConfig;
  readonly backup: TokenClient | undefined;
  readonly guests: ReadonlyMap<number, TokenClient>;
  readonly restore: TokenClient | undefined;
}

/** What may be done with a guest is done with its own token, where it has one. */
export function clientOf(
  { guests, backup }: ConfiguredNode,
  vmid: number | undefined,
): TokenClient | undefined {
  return (vmid === undefined ? undefined : guests.get(vmid)) ?? backup;
}

/** Reads the secrets and opens the clients; nothing is sent yet. */
export async function openNode(config: NodeConfig, clock: Clock, vault: Vault): Promise<ConfiguredNode> {
  const trust = await loadTrust(config.trust);
  const open = async ({ id, secretFile }: Token): Promise<TokenClient> => {
    const token = { id, secret: await vault.read(tokenSecretFile(secretFile, id)) };
    return { tokenId: id, api: connect({ url: config.url, token, trust, clock }) };
  };
  const guests = new Map<number, TokenClient>();
  for (const [vmid, token] of Object.entries(config.guestTokens)) guests.set(Number(vmid), await open(token));
  return {
    config,
    backup: config.backupToken && (await open(config.backupToken)),
    guests,
    restore: config.restoreToken && (await open(config.restoreToken)),
  };
}

type Token = NonNullable<NodeConfig['restoreToken']>;

async function loadTrust(trust: NodeConfig['trust']): Promise<Trust> {
  if (!('ca' in trust) || trust.ca === 'system') return trust;
  try {
    return { ca: await readFile(trust.ca, 'utf8') };
  } catch (cause) {
    throw new Failure('invalid-input', `cannot read the CA certificate ${trust.ca}`, { cause });
  }
}

/**
 * A node as jobs that concern one guest see it. `name` may be another member of the configured node's cluster: any
 * member passes calls on.
 *
 * @param vmid whose token speaks; of a restore, the source's.
 */
export function nodePort(name: string, node: ConfiguredNode, vmid: number, clock: Clock): NodePort {
  const { config, restore } = node;
  const guest = clientOf(node, vmid);
  const task = ({ tasks }: ProxmoxClient, upid: Upid): StartedTask => ({
    upid,
    follow: (options) => followTask(tasks, upid, { ...options, clock, mayPass: isRefusal }),
    wait: (options) => waitForTask(tasks, upid, { ...options, clock, mayPass: isRefusal }),
    async stop(signal) {
      await tasks.stop(upid, { signal });
    },
  });
  const self = (): TokenClient => {
    if (guest !== undefined) return guest;
    throw new Failure('invalid-input', `no token for guest ${vmid} is configured for node ${name}`, {
      hint: `Make one (tacet pve provision) and add it to the node in the controller’s configuration: guestTokens.${vmid}.`,
    });
  };
  const operator = (): TokenClient => {
    if (restore !== undefined) return restore;
    throw new Failure('invalid-input', `no token that may restore is configured for node ${name}`, {
      hint: 'Add `restoreToken` to the node in the controller’s configuration.',
    });
  };
  /** To look at things: a guest whose token is gone can still be restored. */
  const reader = (): ProxmoxClient => (guest ?? restore ?? self()).api;
  const ofGuestItself: readonly TaskType[] = ['vzdump', 'vzsnapshot', 'vzrollback'];
  const speaker = (type: TaskType): TokenClient => (ofGuestItself.includes(type) ? self() : operator());
  return {
    name,
    backupStorage: config.storage,
    pollMs: config.pollMs,
    canRestore: restore !== undefined,
    canSnapshot: (subject, signal) => self().api.lxc.canSnapshot({ node: name, vmid: subject }, { signal }),
    async grantsOn(paths, signal) {
      const { tokenId, api } = self();
      const each = await Promise.all(paths.map((path) => api.cluster.permissions({ path, signal })));
      return { tokenId, permissions: Object.assign({}, ...each) };
    },
    storageStatus: (storage, signal) => reader().storage.status({ node: name, storage }, { signal }),
    async storageIsShared(storage, signal) {
      const { shared } = await reader().storage.status({ node: name, storage }, { signal });
      return shared;
    },
    async startBackup(order, signal) {
      const { api } = self();
      const kept = order.keepOthers === true ? { remove: false } : {};
      const options = { ...order, ...kept, lockwaitMinutes: 0, compress: 'zstd' } as const;
      return task(api, await api.vzdump.start(name, { ...options, signal }));
    },
    async isBackingUp(signal) {
      const tasks = await self().api.tasks.list(name, { source: 'active', type: 'vzdump', signal });
      return tasks.some(({ running }) => running);
    },
    async ownTasks(type, subject, signal) {
      const { api, tokenId } = speaker(type);
      const filter = { type, vmid: subject, source: 'all', limit: 50, signal } as const;
      const tasks = await api.tasks.list(name, filter);
      return tasks
        .filter(({ upid }) => ownerOf(upid) === tokenId)
        .toSorted((one, other) => one.startedAtMs - other.startedAtMs)
        .map(({ upid }) => task(api, upid));
    },
    task: (type, upid) => task(speaker(type).api, upidSchema.parse(upid)),
    async marks(subject, signal) {
      const where = { node: name, vmid: subject };
      const { lxc } = self().api;
      const { lock } = await lxc.config(where, { signal });
      const snapshots = await lxc.snapshots(where, { signal });
      return { lock, snapshots: snapshots.map((snapshot) => snapshot.name) };
    },
    backupAttributes: async (volid, signal) =>
      await reader().storage.attributes({ node: name, volid }, { signal }),
    setNotes: async (volid, notes, signal) =>
      await self().api.storage.setAttributes({ node: name, volid }, { notes, signal }),
    async restoreStorage(sourceVmid, signal) {
      if (config.restoreStorage !== undefined) return config.restoreStorage;
      const { mountPoints } = await reader().lxc.config({ node: name, vmid: sourceVmid }, { signal });
      const root = mountPoints.find(({ key }) => key === 'rootfs')?.volume.split(':')[0];
      if (root !== undefined && root !== '') return root;
      throw new Failure('invalid-input', 'nothing says where the restored disks shall go', {
        hint: 'Name a storage: tacet restore … --storage STORAGE',
      });
    },
    ...guestActions({ node: name, vmid, guest, self, operator, reader, task }),
  };
}

function ownerOf(upid: Upid): string {
  const { user, tokenName } = parseUpid(upid);
  return tokenName === undefined ? user : `${user}!${tokenName}`;
}

/** A task goes on, whatever has become of the token that started it. */
function isRefusal(error: unknown): boolean {
  return error instanceof UnauthorizedError || error instanceof ForbiddenError;
}
