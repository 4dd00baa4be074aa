import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControllerConfigInput } from '@tacet/controller';
import {
  type AckCollector,
  type Guest,
  type Lab,
  openAckCollector,
  type StackName,
  startStack,
} from '@tacet/lab';
import { LabBackend, labStorages } from '@tacet/pve-sim';
import { Undo } from '@tacet/runtime';
import { type Api, openApi } from '../api.ts';
import { type DemoNode, startNode } from '../node.ts';
import type { Stage } from '../stage.ts';
import { enrolAgent, installAgent } from './agent-installation.ts';
import { ControllerProcess } from './controller-process.ts';
import { LabWriteLog } from './write-log.ts';

/** A stage with handles on everything that a test may want to break. */
export interface LabStage extends Stage {
  readonly lab: Lab;
  readonly node: DemoNode;
  readonly controller: ControllerProcess;
  readonly collector: AckCollector;
  readonly guest: Guest;
  /** Where the controller listens for the vzdump hook. */
  readonly hookSocket: string;
  api(): Promise<Api>;
}

export interface LabStageOptions {
  readonly lab: Lab;
  readonly original?: number;
  readonly copy?: number;
  /** Which of the guest's stacks runs. Default `shop`. */
  readonly stack?: StackName;
  /** Of the controller, beside what the stage decides. */
  readonly leaseMs?: number;
  /** More of the controller's configuration, as `drill`. */
  readonly configuration?: Partial<ControllerConfigInput>;
  /** Called with each part of the preparations. */
  readonly onStep?: (step: string) => void;
  readonly signal: AbortSignal;
}

/**
 * A real guest with a real engine and a stack under write load, its agent enrolled with a controller process,
 * on a simulated node that makes real snapshots and archives of it.
 */
export async function openLabStage(options: LabStageOptions): Promise<LabStage> {
  const { lab, original = 101, copy = 201, signal, onStep = () => undefined } = options;
  await using undo = new Undo();
  const directory = join(lab.scratchDirectory, `stage-${original}`);
  const hookSocket = join(directory, 'hook.sock');
  await mkdir(directory, { recursive: true });

  onStep('starting the node and the controller');
  const collector = await openAckCollector({ file: join(directory, 'acknowledged.jsonl') });
  undo.defer(() => collector[Symbol.asyncDispose]());

  const guest = await lab.createGuest({ vmid: original, signal });
  undo.defer(() => guest.destroy());
  undo.defer(() => lab.guest(copy)?.destroy());
  const node = await startNode({
    backend: new LabBackend(lab),
    storages: labStorages(lab),
    restoreStorage: 'lab',
    directory,
    original,
  });
  undo.defer(() => node[Symbol.asyncDispose]());
  const controller = await ControllerProcess.start(
    directory,
    {
      listen: { address: lab.bridge.hostAddress, port: 8443 },
      stateDir: join(directory, 'controller'),
      nodes: [node.config],
      hook: { socket: hookSocket, node: node.config.name },
      ...(options.leaseMs !== undefined && { leaseMs: options.leaseMs }),
      ...options.configuration,
    },
    signal,
  );
  undo.defer(() => controller[Symbol.asyncDispose]());

  onStep(`starting guest ${original} and its stack`);
  await installAgent(guest);
  await guest.start(signal);
  await guest.waitForEngine(signal);
  await startStack(guest, signal, options.stack);
  onStep('enrolling its agent');
  const api = await openApi(controller.controllerFile);
  await enrolAgent(guest, (await api.enrol(original, signal)).token);

  const kept = undo.release();
  return {
    kind: 'lab',
    reality:
      'Real: LXC guests, Docker, PostgreSQL, Redis, nginx, snapshots, archives, controller, agent. Simulated: the Proxmox VE API.',
    original,
    copy,
    controllerFile: controller.controllerFile,
    controllerUrl: api.url,
    setupUrl: () => controller.setupUrl(),
    writes: new LabWriteLog(original, collector, lab),
    lab,
    node,
    controller,
    collector,
    guest,
    hookSocket,
    api: () => openApi(controller.controllerFile),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}
