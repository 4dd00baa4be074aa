import * as z from 'zod';
import type { CallOptions, Transport } from './transport.ts';
import { upidSchema } from './upid.ts';
import { commaList, epochSeconds, flag, numeric } from './values.ts';

const storageFields = z.object({
  type: z.string(),
  /** What it may hold; a backup's target needs `backup`. */
  content: commaList,
  active: flag.default(false),
  enabled: flag.default(true),
  shared: flag.default(false),
  total: numeric.default(0),
  avail: numeric.default(0),
  used: numeric.default(0),
});
const inBytes = <Fields extends z.output<typeof storageFields>>({ total, avail, used, ...rest }: Fields) => ({
  ...rest,
  totalBytes: total,
  availableBytes: avail,
  usedBytes: used,
});
const storageStatus = storageFields.transform(inBytes);
export type StorageStatus = z.output<typeof storageStatus>;
const listedStorage = storageFields.extend({ storage: z.string() }).transform(inBytes);
export type ListedStorage = z.output<typeof listedStorage>;

const volume = z
  .object({
    volid: z.string(),
    content: z.string(),
    format: z.string().optional(),
    size: numeric,
    vmid: numeric.optional(),
    ctime: epochSeconds.optional(),
    notes: z.string().default(''),
    protected: flag.default(false),
  })
  .transform(({ size, ctime, notes, ...rest }) => ({
    ...rest,
    sizeBytes: size,
    createdAtMs: ctime,
    /** A list shows no more of the notes (code of PVE::Storage::Plugin); `attributes` has them whole. */
    notesFirstLine: notes.split('\n', 1)[0] ?? '',
  }));
export type Volume = z.output<typeof volume>;

/** Of a backup. */
const volumeAttributes = z
  .object({
    path: z.string().optional(),
    format: z.string().optional(),
    size: numeric,
    notes: z.string().nullish(),
    protected: flag.default(false),
  })
  .transform(({ size, notes, ...rest }) => ({ ...rest, sizeBytes: size, notes: notes ?? '' }));
export type VolumeAttributes = z.output<typeof volumeAttributes>;

export interface VolumeRef {
  /** The node to ask. */
  readonly node: string;
  /** `local:backup/vzdump-lxc-101-….tar.zst` */
  readonly volid: string;
}

function at({ node, volid }: VolumeRef): string[] {
  const storage = volid.slice(0, volid.indexOf(':'));
  return ['nodes', node, 'storage', storage, 'content', volid];
}

export type StorageApi = ReturnType<typeof storageApi>;

export function storageApi(transport: Transport) {
  const content = (
    { node, storage }: { node: string; storage: string },
    { content, vmid, ...options }: CallOptions & { content?: string; vmid?: number } = {},
  ): Promise<Volume[]> =>
    transport.call({
      ...options,
      method: 'GET',
      path: ['nodes', node, 'storage', storage, 'content'],
      params: { content, vmid },
      answer: z.array(volume),
    });

  return {
    list: (node: string, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['nodes', node, 'storage'],
        answer: z.array(listedStorage),
      }),

    status: ({ node, storage }: { node: string; storage: string }, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['nodes', node, 'storage', storage, 'status'],
        answer: storageStatus,
      }),

    content,

    /** Oldest first, all guests' unless `vmid` is given. */
    async backups(
      where: { node: string; storage: string },
      options: CallOptions & { vmid?: number } = {},
    ): Promise<Volume[]> {
      const volumes = await content(where, { ...options, content: 'backup' });
      return volumes.toSorted((a, b) => (a.createdAtMs ?? 0) - (b.createdAtMs ?? 0));
    },

    attributes: (volume: VolumeRef, options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: at(volume), answer: volumeAttributes }),

    /** Notes may have several lines; the web interface shows them. A protected backup cannot be deleted. */
    setAttributes: (
      volume: VolumeRef,
      { notes, protected: isProtected, ...options }: CallOptions & { notes?: string; protected?: boolean },
    ) =>
      transport.call({
        ...options,
        method: 'PUT',
        path: at(volume),
        params: { notes, protected: isProtected },
        answer: z.unknown().transform(() => undefined),
      }),

    /** A task where that takes time; null where the storage was done at once. */
    deleteBackup: (volume: VolumeRef, options: CallOptions = {}) =>
      transport.call({ ...options, method: 'DELETE', path: at(volume), answer: upidSchema.nullable() }),
  };
}
