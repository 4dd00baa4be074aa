import { randomUUID } from 'node:crypto';
import type { StorageOptions } from '../options.ts';
import { sizeBytes } from '../guests/config.ts';
import { formatBinary } from '../vzdump/backup-log.ts';

/** The name a new volume gets, by the habits of its storage. */
export function newVolume(storage: StorageOptions, vmid: number, index: number, size: string): string {
  const disk = `disk-${index}`;
  if (storage.type === 'zfspool') return `${storage.storage}:subvol-${vmid}-${disk}`;
  if (storage.type === 'lvmthin') return `${storage.storage}:vm-${vmid}-${disk}`;
  if (storage.type === 'btrfs' && sizeBytes(size) === 0) {
    return `${storage.storage}:${vmid}/subvol-${vmid}-${disk}.subvol`;
  }
  return `${storage.storage}:${vmid}/vm-${vmid}-${disk}.raw`;
}

/** What making the volume and its file system writes into the task's log. */
export function creationLog(storage: StorageOptions, vmid: number, index: number, size: string): string[] {
  const bytes = sizeBytes(size);
  if (storage.type === 'zfspool' || bytes === 0) return [];
  const blocks = bytes / 4096;
  const lines = [
    `Creating filesystem with ${blocks} 4k blocks and ${blocks / 4} inodes`,
    `Filesystem UUID: ${randomUUID()}`,
    'Superblock backups stored on blocks: ',
    `\t${superblockBackups(blocks).join(', ')}`,
  ];
  if (storage.type === 'lvmthin') return [`  Logical volume "vm-${vmid}-disk-${index}" created.`, ...lines];
  if (storage.type === 'btrfs') return lines;
  const file = `${storage.path}/images/${vmid}/vm-${vmid}-disk-${index}.raw`;
  return [`Formatting '${file}', fmt=raw size=${bytes} preallocation=off`, ...lines];
}

/** ext4's sparse superblocks: groups 1 and the powers of 3, 5 and 7. */
function superblockBackups(blocks: number): number[] {
  const groups = new Set([1]);
  for (const base of [3, 5, 7]) {
    for (let group = base; group * 32_768 < blocks; group *= base) groups.add(group);
  }
  return [...groups]
    .toSorted((a, b) => a - b)
    .map((group) => group * 32_768)
    .filter((block) => block < blocks);
}

export function readLine(totalBytes: number, elapsedMs: number): string {
  const perSecond = totalBytes / Math.max(0.001, elapsedMs / 1000);
  return `Total bytes read: ${totalBytes} (${formatBinary(totalBytes)}, ${formatBinary(perSecond)}/s)`;
}
