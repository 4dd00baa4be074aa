import { cp, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestDescription } from '../guest/description.ts';
import { guestHandle } from '../guest/guest-handle.ts';
import { attachArgv, guestDirectory } from '../guest/lxc-process.ts';
import { asGuestIds } from '../guest/user-namespace.ts';
import { paths } from '../host/paths.ts';
import { run } from '../host/run.ts';
import {
  createSubvolume,
  deleteSubvolume,
  makeStorageImage,
  mountStorage,
  snapshotSubvolume,
  subvolumePath,
  unmountStorage,
} from '../host/storage.ts';
import type { Phases } from '../phases.ts';
import type { Guest } from '../types.ts';
import type { TemplateDefinition } from './definition.ts';
import { bootstrapBase, bootstrapGuest } from './root-filesystems.ts';

/** Name of the read-only subvolume that every guest starts as a copy of. */
export const templateSubvolume = 'template';

const builder: GuestDescription = {
  vmid: 100,
  hostname: 'template',
  mac: 'BC:24:11:00:00:64',
  memoryMb: 4096,
};

/**
 * Makes a storage image with the template in it. Two root filesystems are installed, one becomes a guest and
 * is started, its Docker builds the images from the other, and what the guest then is becomes the template:
 * so Docker's files have the ids and attributes that an unprivileged guest gives them.
 */
export async function buildTemplate(
  definition: TemplateDefinition,
  target: string,
  phases: Phases,
  signal: AbortSignal,
): Promise<void> {
  const work = `${target}.build`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const image = join(work, 'storage.img');
  const guestRoot = join(work, 'guest');
  const baseRoot = join(work, 'base');
  const guest = guestHandle(builder, () => undefined);
  try {
    await bootstrapBoth(definition, guestRoot, baseRoot, phases, signal);
    await phases.run('build the images in a first guest', async (onDetail) => {
      onDetail('copying the root filesystem');
      await makeStorageImage(image, signal);
      await mountStorage(image, paths.storage, signal);
      await shiftInto(guestRoot, guest.rootPath, signal);
      onDetail('starting it');
      await guest.start(signal);
      await guest.waitForEngine(signal);
      await buildImages(definition, work, baseRoot, onDetail, signal);
      onDetail('shutting it down');
      await guest.shutdown(signal);
      await makeAnonymous(guest);
      await snapshotSubvolume(guest.rootPath, join(paths.storage, templateSubvolume), { readOnly: true });
      await deleteSubvolume(guest.rootPath);
    });
    await unmountStorage(image, paths.storage);
    await rename(image, target);
  } finally {
    await guest.stop();
    await unmountStorage(image, paths.storage);
    await rm(guestDirectory(builder.vmid), { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  }
}

async function bootstrapBoth(
  definition: TemplateDefinition,
  guestRoot: string,
  baseRoot: string,
  phases: Phases,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const abortOther = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  const results = await Promise.allSettled([
    phases
      .run('install the guest (Debian 13, systemd, Docker)', (onDetail) =>
        bootstrapGuest(definition, guestRoot, onDetail, either),
      )
      .catch(abortOther),
    phases
      .run('install the services (databases, nginx)', (onDetail) =>
        bootstrapBase(definition, baseRoot, onDetail, either),
      )
      .catch(abortOther),
  ]);
  // Both have ended here, so that nothing writes any more when the caller cleans up.
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Copies a tree into a new subvolume with the ids shifted; setuid bits and file capabilities survive. */
async function shiftInto(from: string, to: string, signal: AbortSignal): Promise<void> {
  await createSubvolume(to, signal);
  await run(['chown', '100000:100000', to]);
  const attributes = '--numeric-owner --xattrs --xattrs-include="*"';
  const pipe =
    `tar -C "$1" ${attributes} --exclude="./dev/*" --exclude="./proc/*" --exclude="./sys/*" -cf - . | ` +
    `"\${@:3}" tar -C "$2" ${attributes} -xpf -`;
  await run(['bash', '-o', 'pipefail', '-c', pipe, 'bash', from, to, ...asGuestIds([])], {
    signal,
    timeoutMs: 600_000,
  });
}

async function buildImages(
  definition: TemplateDefinition,
  work: string,
  baseRoot: string,
  onDetail: (detail: string) => void,
  signal: AbortSignal,
): Promise<void> {
  onDetail('importing the services');
  const baseTar = join(work, 'base.tar');
  await run(['tar', '-C', baseRoot, '--numeric-owner', '--exclude=./dev/*', '-cf', baseTar, '.'], {
    signal,
    timeoutMs: 600_000,
  });
  await docker(['import', '-', 'tacet-lab/base:1'], baseTar, signal);
  await rm(baseTar);
  onDetail('building');
  // Most of a build is waiting for the engine to make and commit containers.
  await Promise.all(definition.images.map((image) => buildImage(definition, work, image, signal)));
}

async function buildImage(
  definition: TemplateDefinition,
  work: string,
  { folder, tag }: { folder: string; tag: string },
  signal: AbortSignal,
): Promise<void> {
  const context = join(work, 'images', folder);
  await cp(join(definition.filesDirectory, 'images', folder), context, { recursive: true });
  if (folder === 'writer') await writeFile(join(context, 'writer.mjs'), definition.writer);
  const contextTar = `${context}.tar`;
  await run(['tar', '-C', context, '--owner=0', '--group=0', '-cf', contextTar, '.'], { signal });
  await docker(['build', '--quiet', '--tag', tag, '-'], contextTar, signal);
}

async function docker(args: readonly string[], input: string, signal: AbortSignal): Promise<void> {
  const file = await open(input, 'r');
  try {
    // The builder that needs no plugin; it is old, and enough for COPY and ENV.
    const argv = ['env', 'DOCKER_BUILDKIT=0', 'docker', ...args];
    await run(attachArgv(builder.vmid, argv), { stdinFd: file.fd, signal, timeoutMs: 600_000 });
  } finally {
    await file.close();
  }
}

/** Removes what must differ between guests: each gets its own at its making or its first boot. */
async function makeAnonymous(guest: Guest): Promise<void> {
  const forget =
    'rm -rf /var/lib/docker/engine-id /etc/docker/key.json /var/log/journal/* /var/log/*.log /tmp/* /var/tmp/* ' +
    '/var/lib/systemd/random-seed /root/.docker && : >/etc/machine-id';
  await run(asGuestIds(['chroot', subvolumePath(paths.storage, guest.vmid), '/bin/sh', '-c', forget]));
}
