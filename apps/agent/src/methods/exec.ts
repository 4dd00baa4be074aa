import type { ServiceLabels } from '@tacet/protocol';
import type { HoldRecord } from '../journal/schemas.ts';
import { commandOf, ExecLock } from './exec-lock.ts';
import type { Discovery, EngineMethod, Flush, MethodPorts, MethodTarget, ServiceHold } from './method.ts';

/** For whatever Tacet does not know: commands that labels of the service give. */
export class ExecMethod implements EngineMethod {
  readonly lock: ExecLock;
  /** Nobody knows what to ask. */
  readonly probe = undefined;
  readonly #labels: ServiceLabels;

  constructor(target: MethodTarget, ports: MethodPorts, labels: ServiceLabels) {
    const { stack, service, container, cgroup } = target;
    this.#labels = labels;
    this.lock = new ExecLock(
      { stack, service, containerId: container.id, action: 'lock', method: 'exec', cgroup },
      ports,
      { labels, pid: container.pid },
    );
  }

  async discover(): Promise<Discovery> {
    const has = (phase: 'prepare' | 'hold' | 'thaw'): boolean => commandOf(this.#labels, phase) !== undefined;
    return {
      engine: null,
      predictedHoldMs: null,
      notes: [
        ...(has('prepare') || has('hold')
          ? []
          : ['has no command: give it the label tacet.exec.prepare or tacet.exec.hold']),
        ...(has('hold') && !has('thaw') ? ['nothing undoes its hold command: no label tacet.exec.thaw'] : []),
        ...(has('thaw') && !has('hold') ? ['its thaw command never runs: no label tacet.exec.hold'] : []),
      ],
    };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    const command = commandOf(this.#labels, 'prepare');
    if (command) await this.lock.commands.run(command, signal);
    return { bytesFlushed: null, predictedHoldMs: null, behindSince: null };
  }

  async close(): Promise<void> {
    // Keeps nothing open.
  }
}

/** In a fresh process, or in a restored copy: the labels are the container's, as it is now. */
export function inheritedExecLock(
  record: HoldRecord,
  ports: MethodPorts,
  _leaseExpiresAt: number,
): ServiceHold {
  return new ExecLock(record, ports, undefined);
}
