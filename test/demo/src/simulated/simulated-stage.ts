import { type Logger, Undo } from '@tacet/runtime';
import { openApi } from '../api.ts';
import type { Stage } from '../stage.ts';
import { openSimulatedHouse } from './simulated-house.ts';
import { SimulatedWriteLog } from './write-log.ts';

const original = 101;
const copy = 201;

/**
 * The real controller and the real agent, on a simulated node with simulated guests: what is not real is the
 * engine, the databases, the kernel and the disks.
 */
export async function openSimulatedStage(log: Logger, signal: AbortSignal): Promise<Stage> {
  await using undo = new Undo();
  const writes = new SimulatedWriteLog(original, (vmid) => house.guest(vmid));
  const acknowledge = writes.acknowledge.bind(writes);
  const house = await openSimulatedHouse(undo, { original, log, acknowledge });
  const { controller } = house;

  await using api = await openApi(controller.clientFile);
  const { token } = await api.enrol(original, signal);
  await house.guest(original).enrol(token);
  const kept = undo.release();
  return {
    kind: 'simulation',
    reality:
      'Simulated: the Proxmox VE node, the guests, their engine, databases and disks. Real: controller, agent, protocol.',
    original,
    copy,
    controllerFile: controller.clientFile,
    controllerUrl: controller.url,
    setupUrl: () => Promise.resolve(controller.setupUrl),
    writes,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}
