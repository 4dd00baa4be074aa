import type { QuiesceState } from '@tacet/protocol';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { describe, expect, it, vi } from 'vitest';
import type { EngineContainer } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { parseMountinfo } from '../guest/mountinfo.ts';
import { Wakeup } from '../wakeup.ts';
import { FactsBoard, keepFacts } from './facts-loop.ts';

const mounts = parseMountinfo(
  [
    '650 620 0:53 /subvol-101-disk-0 / rw,relatime - btrfs /dev/loop0 rw',
    '652 650 254:7 / /srv/media rw - ext4 /dev/mapper/pve-vm--101--disk--1 rw',
  ].join('\n'),
);

/** Its containers have a directory of another filesystem and one of /var/tmp. */
class MountedEngine extends MemoryEngine {
  looks = 0;

  override async containers(signal: AbortSignal): Promise<EngineContainer[]> {
    this.looks += 1;
    const inGuest = [
      { source: '/srv/media', target: '/media', readOnly: false },
      { source: '/var/tmp/scratch', target: '/scratch', readOnly: false },
      { source: '/opt/conf', target: '/conf', readOnly: false },
    ];
    return (await super.containers(signal)).map((container) => ({ ...container, mounts: inGuest }));
  }
}

function start(state: () => QuiesceState = () => 'idle') {
  const clock = new ManualClock();
  const engine = new MountedEngine({
    clock,
    containers: [{ stack: 'shop', service: 'db', image: 'postgres:17' }],
  });
  const board = new FactsBoard();
  const wakeup = new Wakeup(clock);
  const stop = new AbortController();
  const host = { mounts: async () => mounts };
  const running = keepFacts(
    { engine, host, board, wakeup, quiesceState: state, clock, log: silentLogger },
    stop.signal,
  ).catch((error: unknown) => error);
  const end = async (): Promise<void> => {
    stop.abort(new Error('the end'));
    await running;
  };
  return { clock, engine, board, wakeup, end };
}

describe('the facts of a guest', () => {
  it('are its engine, and what its services write outside of the root filesystem', async () => {
    const { board, end } = start();
    await vi.waitFor(() => expect(board.current).toBeDefined());
    expect(board.current).toEqual({
      engine: { version: '26.1.5-memory', storageDriver: 'overlay2' },
      outside: [
        {
          stack: 'shop',
          service: 'db',
          source: '/srv/media',
          target: '/media',
          mount: { mountPoint: '/srv/media', type: 'ext4' },
        },
        { stack: 'shop', service: 'db', source: '/var/tmp/scratch', target: '/scratch', mount: null },
      ],
    });
    await end();
  });

  it('are looked at again when the engine changes, and told only when they differ', async () => {
    const { engine, board, clock, wakeup, end } = start();
    await vi.waitFor(() => expect(board.current).toBeDefined());
    let told = 0;
    board.onChange(() => (told += 1));
    const again = async (): Promise<void> => {
      const { looks } = engine;
      wakeup.notify();
      await vi.waitFor(async () => {
        await clock.advance(5_000);
        expect(engine.looks).toBeGreaterThan(looks);
      });
    };
    await again();
    expect(told).toBe(0);
    engine.add({ stack: 'shop', service: 'web', image: 'nginx' });
    await again();
    await vi.waitFor(() => expect(board.current?.outside).toHaveLength(4));
    expect(told).toBe(1);
    await end();
  });

  it('are not looked at while a hold is wanted', async () => {
    let state: QuiesceState = 'held';
    const { engine, board, clock, end } = start(() => state);
    await clock.advance(60_000);
    expect(engine.looks).toBe(0);
    state = 'idle';
    await vi.waitFor(async () => {
      await clock.advance(5_000);
      expect(board.current).toBeDefined();
    });
    await end();
  });

  it('stay what they were while the engine is away', async () => {
    const { engine, board, clock, wakeup, end } = start();
    await vi.waitFor(() => expect(board.current).toBeDefined());
    const before = board.current;
    const undo = engine.inject({ call: 'version', effect: new Error('the engine is away') });
    wakeup.notify();
    await clock.advance(60_000);
    expect(board.current).toBe(before);
    undo();
    await end();
  });
});
