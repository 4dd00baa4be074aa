import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { guestAddress, vethName } from '../addresses.ts';
import { hostFeatures } from '../host/features.ts';
import { paths } from '../host/paths.ts';
import { pollUntil } from '../host/poll.ts';
import { commandEnvironment, run, runToExit } from '../host/run.ts';
import { deleteSubvolume, subvolumePath } from '../host/storage.ts';
import type { ExecOptions, Guest } from '../types.ts';
import { writeArchive } from './archive.ts';
import type { GuestDescription } from './description.ts';
import { readGuestFile, writeGuestFile } from './files.ts';
import { isFrozen, setFrozen } from './freezer.ts';
import {
  attachArgv,
  guestDirectory,
  lxcInitPid,
  lxcKill,
  lxcShutdown,
  lxcStart,
  lxcState,
} from './lxc-process.ts';
import {
  deleteAllSnapshots,
  listSnapshots,
  rollbackTo,
  snapshotPath,
  snapshotRunning,
  snapshotStopped,
} from './snapshots.ts';
import { syncFilesystems } from './sync-filesystems.ts';

/** The handle of a guest whose tree and description exist. It keeps no state: the machine is asked. */
export function guestHandle(description: GuestDescription, onDestroyed: () => void): Guest {
  const { vmid, hostname, mac, memoryMb } = description;
  const rootPath = subvolumePath(paths.storage, vmid);

  const isRunning = async (): Promise<boolean> => (await lxcState(vmid)) !== 'STOPPED';
  const initPid = async (): Promise<number> => {
    const pid = await lxcInitPid(vmid);
    if (pid === undefined) throw new Error(`guest ${vmid} is not running`);
    return pid;
  };
  const exec = (argv: readonly string[], options: ExecOptions = {}) =>
    runToExit(attachArgv(vmid, argv), options);

  return {
    vmid,
    hostname,
    mac,
    rootPath,
    address: () => guestAddress(vmid),

    async start(signal) {
      await lxcStart({ vmid, hostname, mac, memoryMb, rootPath, host: hostFeatures() }, signal);
    },
    async stop(signal) {
      if (!(await isRunning())) return;
      await lxcKill(vmid, signal);
    },
    async shutdown(signal, timeoutMs = 60_000) {
      if (!(await isRunning())) return;
      await lxcShutdown(vmid, timeoutMs, signal);
    },
    async status() {
      if (!(await isRunning())) return 'stopped';
      return (await isFrozen(vmid)) ? 'frozen' : 'running';
    },

    freeze: () => setFrozen(vmid, true),
    unfreeze: () => setFrozen(vmid, false),
    syncfs: async () => syncFilesystems(await initPid()),

    async snapshot(name, hooks = {}) {
      const pid = await lxcInitPid(vmid);
      return pid === undefined ? snapshotStopped(vmid, name) : snapshotRunning(vmid, name, pid, hooks);
    },
    deleteSnapshot: (name) => deleteSubvolume(snapshotPath(vmid, name)),
    async rollback(name) {
      if (await isRunning()) throw new Error(`guest ${vmid} is running: stop it before a rollback`);
      await rollbackTo(vmid, name);
    },
    snapshots: () => listSnapshots(vmid),

    archive: ({ snapshot, target, signal }) =>
      writeArchive({
        tree: snapshot === undefined ? rootPath : snapshotPath(vmid, snapshot),
        config: { hostname, mac, memoryMb },
        target,
        live: snapshot === undefined,
        signal,
      }),

    async destroy() {
      if (await isRunning()) await lxcKill(vmid);
      await deleteAllSnapshots(vmid);
      await deleteSubvolume(rootPath);
      await rm(guestDirectory(vmid), { recursive: true, force: true });
      onDestroyed();
    },

    exec,
    spawn(argv) {
      const [command = '', ...args] = attachArgv(vmid, argv);
      return spawn(command, args, { env: commandEnvironment(), stdio: 'pipe' });
    },
    writeFile: async (path, content, mode = 0o644) =>
      writeGuestFile(vmid, await isRunning(), path, content, mode),
    readFile: async (path) => readGuestFile(vmid, await isRunning(), path),

    async waitForEngine(signal, timeoutMs = 120_000) {
      await pollUntil(
        async () => {
          const asked = await exec(['docker', 'version', '--format', '{{.Server.Version}}'], {
            ...(signal && { signal }),
            timeoutMs,
          });
          return asked.exitCode === 0 ? asked.stdout : undefined;
        },
        { what: `the engine of guest ${vmid} answers`, timeoutMs, intervalMs: 200, signal },
      );
    },

    async cutNetwork() {
      await run(['ip', 'link', 'set', vethName(vmid), 'down']);
    },
    async restoreNetwork() {
      await run(['ip', 'link', 'set', vethName(vmid), 'up']);
    },
  };
}
