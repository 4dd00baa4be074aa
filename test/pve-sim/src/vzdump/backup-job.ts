import { failed } from '../api/errors.ts';
import { type Parameters } from '../api/schema.ts';
import { type Worker, WorkerExit, WorkerKilled } from '../tasks/task.ts';
import type { World } from '../world.ts';
import { backupLog, type BackupLog } from './backup-log.ts';
import { GuestBackup } from './guest-backup.ts';
import { HookScript, hookScriptProblem } from './hook-script.ts';
import { commandLine } from './parameters.ts';

const LOCK_FILE = '/var/run/vzdump.lock';

export interface BackupJobOptions {
  readonly world: World;
  readonly node: string;
  readonly caller: string;
  readonly parameters: Parameters;
  readonly vmids: readonly number[];
}

/** One vzdump worker: PVE::VZDump's `new`, `getlock` and `exec_backup`, in this order. */
export async function runBackupJob(options: BackupJobOptions, worker: Worker): Promise<void> {
  const { world, node, parameters } = options;
  const log = backupLog(worker);
  const script = parameters['script'] ?? world.vzdumpDefaults.hookScript;
  const hooks = new HookScript(script, worker, parameters['storage'] ?? 'local');
  await prepare(options, hooks, script, log);
  await takeGlobalLock(options, worker, log);
  const { vmids } = options;
  world.onLock({ kind: 'taken', node, vmids });
  try {
    await execute(options, worker, hooks, log);
  } finally {
    world.onLock({ kind: 'released', node, vmids });
    world.locks.get(node)?.release();
  }
}

/** Nothing is locked yet: `job-init` and the storage come first. */
async function prepare(
  { world, parameters }: BackupJobOptions,
  hooks: HookScript,
  script: string | undefined,
  log: BackupLog,
): Promise<void> {
  const errors: string[] = [];
  const collect = async (prefix: string, work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Error) || error instanceof WorkerKilled) throw error;
      errors.push(prefix + error.message);
    }
  };
  const problem = script === undefined ? undefined : hookScriptProblem(script);
  if (problem === undefined) await collect('', () => hooks.job('job-init', log));
  else errors.push(problem);
  const storage = parameters['storage'] ?? 'local';
  if (errors.length === 0) {
    await collect(`could not activate storage '${storage}': `, () => world.storages.activate(storage));
    // A storage that is merely not usable now still tells where its backups would go.
    await collect(`could not get storage information for '${storage}': `, () => {
      hooks.dumpDir = world.storages.dumpDir(storage);
    });
  }
  if (errors.length === 0) return;
  notify(log);
  throw failed(errors.join('\n'));
}

async function takeGlobalLock(
  { world, node, parameters, vmids }: BackupJobOptions,
  worker: Worker,
  log: BackupLog,
): Promise<void> {
  const lock = world.locks.get(node);
  if (lock === undefined || lock.tryAcquire()) return;
  const waitMinutes = Number(parameters['lockwait'] ?? world.vzdumpDefaults.lockwaitMinutes);
  const giveUp = (reason: string): never => {
    world.onLock({ kind: 'refused', node, vmids });
    log.error(`can't acquire lock '${LOCK_FILE}'${reason}`);
    notify(log);
    throw new WorkerExit();
  };
  if (waitMinutes === 0) giveUp(' (wait = 0)');
  world.onLock({ kind: 'waiting', node, vmids });
  log.info('trying to get global lock - waiting...');
  const timeout = AbortSignal.timeout(Math.min(waitMinutes * world.timing.lockwaitMinuteMs, 2 ** 31 - 1));
  try {
    await lock.acquire(AbortSignal.any([timeout, worker.terminated, worker.killed]));
  } catch {
    worker.aliveOrThrow();
    worker.takeInterrupt();
    giveUp(timeout.aborted ? ' - got timeout' : ' - interrupted by signal');
  }
  log.info('got global lock');
}

async function execute(
  { world, node, caller, parameters, vmids }: BackupJobOptions,
  worker: Worker,
  hooks: HookScript,
  log: BackupLog,
): Promise<void> {
  log.info(`starting new backup job: ${commandLine(parameters)}`);
  const todo: number[] = [];
  for (const vmid of vmids.toSorted((a, b) => a - b)) {
    const exists = world.guests.get(vmid)?.node === node;
    if (exists && !world.access.allows(caller, `/vms/${vmid}`, 'VM.Backup')) {
      // With `all=1` a guest that is not granted is left out; one that was named fails the whole job.
      if (parameters['all'] === '1') continue;
      world.access.require(caller, `/vms/${vmid}`, 'VM.Backup');
    }
    todo.push(vmid);
  }
  let errors = 0;
  try {
    await hooks.job('job-start', log);
    for (const vmid of todo) {
      const backup = new GuestBackup({ world, node, worker, hooks, parameters, vmid });
      if (!(await backup.run())) errors += 1;
    }
    await hooks.job('job-end', log);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof WorkerKilled) throw error;
    await hooks.job('job-abort', log);
    log.error(`Backup job failed - ${error.message}`);
    notify(log);
    throw error;
  }
  log.info(errors === 0 ? 'Backup job finished successfully' : 'Backup job finished with errors');
  notify(log);
  if (errors > 0) throw failed('job errors');
}

function notify(log: BackupLog): void {
  log.info('notified via target `mail-to-root`');
}
