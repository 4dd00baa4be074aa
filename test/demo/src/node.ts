import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControllerConfigInput } from '@tacet/controller';
import {
  type GuestBackend,
  type PveSim,
  type PveSimOptions,
  startPveSim,
  type StorageOptions,
} from '@tacet/pve-sim';

type NodeConfig = ControllerConfigInput['nodes'][number];

export interface DemoNode extends AsyncDisposable {
  readonly sim: PveSim;
  readonly config: NodeConfig;
}

export interface DemoNodeOptions {
  readonly backend: GuestBackend;
  /** `local` for backups, and the one that guests' disks are on. */
  readonly storages: readonly StorageOptions[];
  /** Where restored disks go. */
  readonly restoreStorage: string;
  /** Where the tokens' secrets are kept. */
  readonly directory: string;
  readonly original: number;
  readonly timing?: PveSimOptions['timing'];
}

/** What backing up one guest needs, and nothing more; each is granted to the user and to its token. */
const backupRole = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];
const scratch = ['VM.Allocate', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'];
const restoreRole = [...backupRole, ...scratch, 'SDN.Use'];

/** A simulated Proxmox VE node over the given guests, with the two scoped tokens that a controller holds. */
export async function startNode(options: DemoNodeOptions): Promise<DemoNode> {
  const { backend, storages, restoreStorage, directory, original, timing = {} } = options;
  const backupToken = await makeToken(directory, 'tacet@pve', `guest-${original}`);
  const restoreToken = await makeToken(directory, 'tacet-operator@pve', 'restore');
  const sim = await startPveSim({
    backend,
    nodes: ['pve1'],
    storages,
    users: [
      { userid: 'tacet@pve', tokens: [backupToken] },
      { userid: 'tacet-operator@pve', tokens: [restoreToken] },
    ],
    roles: { TacetBackup: backupRole, TacetRestore: restoreRole },
    acl: [
      ...toBoth(backupToken, `/vms/${original}`, 'TacetBackup'),
      ...toBoth(backupToken, '/storage/local', 'TacetBackup'),
      ...['/vms', '/storage/local', `/storage/${restoreStorage}`, '/sdn/zones/localnetwork'].flatMap((path) =>
        toBoth(restoreToken, path, 'TacetRestore'),
      ),
    ],
    timing,
  });
  return {
    sim,
    config: {
      name: 'pve1',
      url: sim.url,
      trust: { fingerprint: sim.fingerprint },
      simulated: true,
      backupToken: { id: backupToken.id, secretFile: backupToken.secretFile },
      restoreToken: { id: restoreToken.id, secretFile: restoreToken.secretFile },
      storage: 'local',
      restoreStorage,
      pollMs: 50,
    },
    [Symbol.asyncDispose]: () => sim[Symbol.asyncDispose](),
  };
}

interface DemoToken {
  userid: string;
  tokenid: string;
  /** `userid!tokenid`. */
  id: string;
  secret: string;
  secretFile: string;
}

async function makeToken(directory: string, userid: string, tokenid: string): Promise<DemoToken> {
  const secret = randomUUID();
  const secretFile = join(directory, `${tokenid}.secret`);
  await writeFile(secretFile, secret, { mode: 0o600 });
  return { userid, tokenid, id: `${userid}!${tokenid}`, secret, secretFile };
}

/** A privsep token has what its user and itself were both granted. */
function toBoth(token: DemoToken, path: string, role: string) {
  return [token.userid, token.id].map((to) => ({ path, role, to }));
}
