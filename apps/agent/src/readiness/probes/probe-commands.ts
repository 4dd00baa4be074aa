import type { Engine, ExecRequest, ExecResult } from '../../engine/engine.ts';
import { killCommand, type KillPorts } from '../../guest/kill-command.ts';

/** Commands that are asked again and again: one that is given up must not stay behind in its container. */
export type ProbeCommands = Pick<Engine, 'exec'>;

export function probeCommands(ports: KillPorts & { engine: Engine }): ProbeCommands {
  let count = 0;
  return {
    async exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
      count += 1;
      const mark = `TACET_PROBE_${count}`;
      const marked = { ...request, env: { ...request.env, [mark]: '1' } };
      try {
        return await ports.engine.exec(containerId, marked, signal);
      } catch (error) {
        if (signal.aborted) {
          await killCommand(containerId, mark, ports);
          void killLate(containerId, mark, ports); // never rejects
        }
        throw error;
      }
    },
  };
}

/** An engine with much to do starts a command after it was given up (seen in the lab). */
const lateStartsMs = [300, 1_000, 3_000];

async function killLate(containerId: string, mark: string, ports: KillPorts): Promise<void> {
  for (const afterMs of lateStartsMs) {
    await ports.clock.sleep(afterMs);
    await killCommand(containerId, mark, ports);
  }
}
