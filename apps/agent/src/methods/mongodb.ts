import type { ServiceLabels } from '@tacet/protocol';
import type { EngineContainer } from '../engine/engine.ts';
import { parsePlacedMounts } from '../guest/placed-mounts.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import type { Discovery, EngineMethod, Flush, MethodPorts, MethodTarget, ServiceHold } from './method.ts';
import { MongoLock } from './mongodb-lock.ts';

/**
 * MongoDB with its data and its journal on one volume survives an atomic copy (the manual's page "Back Up and
 * Restore with Filesystem Snapshots"), so the freeze is hold enough; the flush before it makes the recovery
 * short. The lock is for stacks that are not frozen.
 */
export class MongoMethod implements EngineMethod {
  readonly lock: MongoLock;
  /** Every client is a process of some 100 MiB. */
  readonly probe = undefined;
  readonly #ports: MethodPorts;
  readonly #container: EngineContainer;

  constructor(target: MethodTarget, ports: MethodPorts, _labels: ServiceLabels) {
    const { stack, service, container, cgroup } = target;
    this.#ports = ports;
    this.#container = container;
    this.lock = new MongoLock(
      { stack, service, containerId: container.id, action: 'lock', method: 'mongodb', cgroup },
      ports,
      container,
    );
  }

  async discover(signal: AbortSignal): Promise<Discovery> {
    const client = await this.lock.client(signal);
    const { version } = await client.run({ buildInfo: 1 }, { version: 'r.version' }, signal);
    const { engine } = await client.run(
      { serverStatus: 1 },
      { engine: '(r.storageEngine || {}).name' },
      signal,
    );
    const { path } = await client.run(
      { getCmdLineOpts: 1 },
      { path: '((r.parsed || {}).storage || {}).dbPath' },
      signal,
    );
    const mounts = await this.#mountsBelow(typeof path === 'string' ? path : '/data/db', signal);
    return {
      engine: `MongoDB ${String(version)}, ${String(engine)}`,
      predictedHoldMs: null,
      notes: [
        'untested on the real server',
        ...(mounts.length === 0
          ? []
          : [
              `its data lies on several volumes (${mounts.join(', ')}): they must be on one disk of the guest`,
            ]),
        ...(engine === 'inMemory' ? ['keeps nothing on disk: a restored copy starts empty'] : []),
      ],
    };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    const client = await this.lock.client(signal);
    await client.run({ fsync: 1 }, {}, signal);
    return { bytesFlushed: null, predictedHoldMs: null, behindSince: null };
  }

  async close(): Promise<void> {
    await this.lock.close();
  }

  /** Where a part of the data is somewhere else than the rest: the journal, or a database. */
  async #mountsBelow(path: string, signal: AbortSignal): Promise<string[]> {
    const argv = ['cat', '/proc/self/mountinfo'];
    const { stdout } = await this.#ports.engine.exec(this.#container.id, { argv }, signal);
    return parsePlacedMounts(stdout)
      .map(({ mountPoint }) => mountPoint)
      .filter((mountPoint) => mountPoint.startsWith(`${path.replace(/\/$/, '')}/`));
  }
}

/** What a dead agent may have locked. In a restored copy nothing is: a lock ends with its server. */
export function inheritedMongoLock(
  record: HoldRecord,
  ports: MethodPorts,
  _leaseExpiresAt: number,
): ServiceHold {
  return new MongoLock(record, ports, undefined);
}
