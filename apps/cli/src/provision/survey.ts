import type { GuestResource, LxcConfig, ProxmoxClient } from '@tacet/proxmox';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Request, RestoreRequest } from './request.ts';
import { isWithinPool, type RestoreInput } from './wish.ts';

/** What a node says about the guests and storages that were named. */
export interface Survey {
  readonly restore: RestoreInput | undefined;
  /** Every guest of the cluster. */
  readonly guests: readonly GuestResource[];
  readonly remarks: readonly string[];
}

/**
 * Looks before anything is granted: a typing error would give a token rights over the wrong thing.
 * @throws CliError for a guest or storage that cannot be meant
 */
export async function survey(client: ProxmoxClient, request: Request, signal: AbortSignal): Promise<Survey> {
  const all = await client.cluster.guests({ signal });
  const guests = request.guests.map((vmid) => requireContainer(all, vmid));
  const restore = request.restore && (await complete(client, request.restore, guests, signal));
  for (const node of new Set(guests.map(({ node }) => node))) {
    const storages = await client.storage.list(node, { signal });
    const requireContent = (storage: string, content: string, what: string): void => {
      const found = storages.find((one) => one.storage === storage);
      if (found === undefined) throw unfit(`node ${node} has no storage ${storage}`);
      if (!found.content.includes(content)) throw unfit(`storage ${storage} holds no ${what}`);
    };
    for (const storage of request.storages) requireContent(storage, 'backup', 'backups');
    const forDisks = [
      ...(restore?.storages ?? []),
      ...[restore?.drill?.storage].filter((one) => one !== undefined),
    ];
    for (const storage of forDisks) requireContent(storage, 'rootdir', 'disks of containers');
  }
  const taken = all.filter(({ vmid }) => restore?.targets.includes(vmid));
  const pool = restore?.drill?.pool;
  const inPool = pool === undefined ? [] : all.filter((guest) => isWithinPool(guest.pool, pool));
  const original = inPool.find(({ vmid }) => request.guests.includes(vmid));
  if (original !== undefined) {
    throw unfit(`guest ${original.vmid} is in pool ${original.pool}: the restore token could destroy it`);
  }
  return {
    restore,
    guests: all,
    remarks: [
      ...taken.map((guest) => `${named(guest)} exists: the restore token may start and destroy it`),
      ...inPool.map((guest) => `${named(guest)} is in pool ${guest.pool}: the restore token may destroy it`),
    ],
  };
}

function named({ vmid, name }: GuestResource): string {
  return `guest ${vmid}${name === undefined ? '' : ` (${name})`}`;
}

function requireContainer(all: readonly GuestResource[], vmid: number): GuestResource {
  const guest = all.find((one) => one.vmid === vmid);
  if (guest === undefined) throw unfit(`there is no guest ${vmid}`);
  if (guest.type !== 'lxc') throw unfit(`guest ${vmid} is a VM; Tacet is for containers`);
  return guest;
}

async function complete(
  client: ProxmoxClient,
  { storages, bridges, ...rest }: RestoreRequest,
  guests: readonly GuestResource[],
  signal: AbortSignal,
): Promise<RestoreInput> {
  if (storages !== undefined && bridges !== undefined) return { ...rest, storages, bridges };
  const configs: LxcConfig[] = [];
  for (const guest of guests) configs.push(await client.lxc.config(guest, { signal }));
  return {
    ...rest,
    storages: storages ?? distinct(configs.flatMap(storagesOf)),
    bridges: bridges ?? distinct(configs.flatMap(bridgesOf)),
  };
}

function storagesOf({ mountPoints }: LxcConfig): string[] {
  const root = mountPoints.find(({ key, kind }) => key === 'rootfs' && kind === 'volume');
  return root === undefined ? [] : [root.volume.slice(0, root.volume.indexOf(':'))];
}

function bridgesOf({ networks }: LxcConfig): string[] {
  return Object.values(networks).flatMap(({ bridge }) => bridge ?? []);
}

function distinct(items: readonly string[]): string[] {
  return [...new Set(items)];
}

function unfit(message: string): CliError {
  return new CliError(message, exitCodes.failed, {
    code: 'invalid-input',
    hint: 'Nothing was changed. Check the numbers and names on the command line.',
  });
}
