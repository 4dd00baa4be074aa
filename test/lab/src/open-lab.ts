import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bridge } from './addresses.ts';
import { readChanges, recordChanges } from './changes.ts';
import { ensureBridge } from './host/bridge.ts';
import { acquireLabLock } from './host/lock.ts';
import { installTools } from './host/packages.ts';
import { cacheDirectory, paths } from './host/paths.ts';
import { copyStorageImage, mountStorage, unmountStorage } from './host/storage.ts';
import { grantSubordinateIds, missingGrants } from './host/subordinate-ids.ts';
import { buildTemplate } from './images/build-template.ts';
import { templateDefinition } from './images/definition.ts';
import { GuestRegistry } from './guest/guest-registry.ts';
import { labObstacle } from './obstacle.ts';
import { Phases } from './phases.ts';
import { removeAllGuests } from './remove-guests.ts';
import { takeDown } from './take-down.ts';
import type { Lab, OpenLabOptions } from './types.ts';

const templateMark = join(paths.state, 'template');

/**
 * Makes this machine a lab, or takes over the one an earlier run left. Waits for another process that has it
 * open. The first time takes minutes, later ones seconds.
 * @throws Error with the obstacle where the lab cannot run, see {@link labObstacle}.
 */
export async function openLab(options: OpenLabOptions): Promise<Lab> {
  const obstacle = labObstacle();
  if (obstacle !== undefined) throw new Error(obstacle);
  const { signal } = options;
  const phases = new Phases(options.onProgress);
  const lock = await phases.run('wait for the lab', (onDetail) =>
    acquireLabLock((holder) => onDetail(`in use by ${holder}`), signal),
  );
  try {
    await phases.run('install tools', (onDetail) => installTools(onDetail, signal));
    await prepareMachine(signal);
    const template = await ensureTemplate(phases, signal);
    await phases.run('prepare the storage', () =>
      ensureStorage(template, options.leftovers ?? 'destroy', signal),
    );
    const registry = await GuestRegistry.load();
    let open = true;
    return {
      bridge: { name: bridge.name, hostAddress: bridge.hostAddress, subnet: bridge.subnet },
      scratchDirectory: paths.scratch,
      createGuest: (wanted) => registry.create(wanted),
      restoreGuest: (wanted) => registry.restore(wanted),
      guest: (vmid) => registry.get(vmid),
      guests: () => registry.all(),
      async release() {
        if (!open) return;
        open = false;
        await lock.release();
      },
      async [Symbol.asyncDispose]() {
        // A lab that was let go of may be somebody else's by now.
        if (!open) return;
        open = false;
        try {
          await takeDown();
        } finally {
          await lock.release();
        }
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function prepareMachine(signal: AbortSignal): Promise<void> {
  // Guests' root users pass through on the way to their own trees.
  await mkdir(paths.state, { recursive: true, mode: 0o755 });
  await mkdir(paths.guests, { recursive: true });
  await mkdir(paths.scratch, { recursive: true });
  const missing = await missingGrants();
  const known = (await readChanges()).subordinateIdFiles;
  await recordChanges({ subordinateIdFiles: [...new Set([...known, ...missing])] });
  await grantSubordinateIds(missing);
  await ensureBridge(signal);
}

/** Path of the cached storage image with the template in it. */
async function ensureTemplate(phases: Phases, signal: AbortSignal): Promise<string> {
  const definition = await templateDefinition();
  const cache = cacheDirectory();
  const image = join(cache, `template-${definition.hash}.img`);
  await mkdir(cache, { recursive: true });
  if (await exists(image)) return image;
  for (const outdated of await readdir(cache)) {
    if (outdated.startsWith('template-')) await rm(join(cache, outdated), { recursive: true, force: true });
  }
  // The template is built where guests run, so there must be none.
  await removeAllGuests();
  await unmountStorage(paths.storageImage, paths.storage);
  await buildTemplate(definition, image, phases, signal);
  return image;
}

async function ensureStorage(
  template: string,
  leftovers: 'destroy' | 'adopt',
  signal: AbortSignal,
): Promise<void> {
  const current = (await exists(templateMark)) ? await readFile(templateMark, 'utf8') : undefined;
  if (current === template && (await exists(paths.storageImage))) {
    await mountStorage(paths.storageImage, paths.storage, signal);
    if (leftovers === 'destroy') await removeAllGuests();
    return;
  }
  await removeAllGuests();
  await unmountStorage(paths.storageImage, paths.storage);
  await copyStorageImage(template, paths.storageImage, signal);
  await writeFile(templateMark, template);
  await mountStorage(paths.storageImage, paths.storage, signal);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
