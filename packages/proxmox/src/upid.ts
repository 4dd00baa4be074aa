import * as z from 'zod';

// As PVE::Tools::upid_decode reads it. The id of a job over several guests is empty.
const UPID =
  /^UPID:([a-zA-Z0-9-]+):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;

/** A task's name, unique in the cluster. */
export const upidSchema = z.string().regex(UPID).brand<'Upid'>();
export type Upid = z.output<typeof upidSchema>;

export interface UpidParts {
  readonly node: string;
  readonly pid: number;
  readonly startedAtMs: number;
  /** `vzdump`, `vzrestore`, `vzsnapshot`, … */
  readonly type: string;
  /** Mostly the guest's VMID; empty for a job over several guests. */
  readonly id: string;
  /** `user@realm` */
  readonly user: string;
  readonly tokenName: string | undefined;
}

/** @throws RangeError for anything that is not a UPID */
export function parseUpid(upid: string): UpidParts {
  const [, node, pid, , started, type, id, who] = UPID.exec(upid) ?? [];
  if (node === undefined || pid === undefined || started === undefined) {
    throw new RangeError(`not a UPID: ${upid}`);
  }
  const [user = '', tokenName] = who?.split('!') ?? [];
  return {
    node,
    pid: Number.parseInt(pid, 16),
    startedAtMs: Number.parseInt(started, 16) * 1_000,
    type: type ?? '',
    id: id ?? '',
    user,
    tokenName,
  };
}
