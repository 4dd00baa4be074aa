import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { paths } from '../host/paths.ts';
import { guestDirectory } from './lxc-process.ts';

/** What the lab knows of a guest besides its files; survives the process that made it. */
export interface GuestDescription {
  vmid: number;
  hostname: string;
  mac: string;
  memoryMb: number;
}

const fileName = 'guest.json';

export async function saveDescription(description: GuestDescription): Promise<void> {
  const directory = guestDirectory(description.vmid);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, fileName), JSON.stringify(description));
}

export async function loadDescription(vmid: number): Promise<GuestDescription> {
  return JSON.parse(await readFile(join(guestDirectory(vmid), fileName), 'utf8')) as GuestDescription;
}

/** All guests there are on this machine; also those of a process that crashed. */
export async function loadDescriptions(): Promise<GuestDescription[]> {
  const found: GuestDescription[] = [];
  for (const name of await entries(paths.guests)) {
    const text = await readFile(join(paths.guests, name, fileName), 'utf8');
    found.push(JSON.parse(text) as GuestDescription);
  }
  return found.toSorted((a, b) => a.vmid - b.vmid);
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
