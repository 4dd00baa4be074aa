import { ManualClock, silentLogger } from '@tacet/runtime';
import { expect, it, vi } from 'vitest';
import type { ExecRequest } from '../../engine/engine.ts';
import { MemoryGuestHost } from '../../guest/memory-guest-host.ts';
import { MemoryEngine } from '../../memory.ts';
import { probeCommands } from './probe-commands.ts';

class HangingEngine extends MemoryEngine {
  readonly marks: string[] = [];

  override exec(_containerId: string, { env = {} }: ExecRequest, signal: AbortSignal): Promise<never> {
    this.marks.push(...Object.keys(env));
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')));
    });
  }
}

it('kills a command that is given up, and no other one of its container', async () => {
  const clock = new ManualClock();
  const engine = new HangingEngine({ containers: [{ stack: 'shop', service: 'web', image: 'web' }] });
  const host = new MemoryGuestHost({ engine });
  const killed: string[] = [];
  const processes = {
    killMarked: async (_cgroup: string, variable: string) => void killed.push(variable),
  };
  const ports = { engine, host: { freezer: host.freezer, processes }, clock, log: silentLogger };
  const commands = probeCommands(ports);
  const [web] = await engine.containers(AbortSignal.timeout(1_000));
  const first = new AbortController();
  const given = commands.exec(web?.id ?? '', { argv: ['check'] }, first.signal);
  void commands.exec(web?.id ?? '', { argv: ['check'] }, AbortSignal.timeout(60_000)).catch(() => undefined);
  expect(new Set(engine.marks).size).toBe(2);
  expect(killed).toEqual([]);
  first.abort();
  await expect(given).rejects.toThrow('given up');
  const [mark] = engine.marks;
  expect(killed).toEqual([mark]);
  // One that is started after it was given up is killed too.
  await clock.advance(300);
  await vi.waitFor(() => expect(killed).toEqual([mark, mark]));
});
