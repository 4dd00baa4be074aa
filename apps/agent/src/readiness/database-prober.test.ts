import { ManualClock } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { discover } from '../discovery/compose.ts';
import type { ExecRequest, ExecResult } from '../engine/engine.ts';
import { MemoryEngine } from '../memory.ts';
import { DatabaseProber } from './database-prober.ts';

const soon = () => AbortSignal.timeout(5_000);

/** Counts what is asked, and answers as it is told. */
class AskedEngine extends MemoryEngine {
  readonly asked: string[] = [];
  answer: ExecResult | undefined;

  override async exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    this.asked.push(request.argv.join(' '));
    return this.answer ?? (await super.exec(containerId, request, signal));
  }
}

function shop() {
  const clock = new ManualClock();
  const engine = new AskedEngine({
    clock,
    containers: [
      {
        stack: 'shop',
        service: 'db',
        image: 'postgres:17',
        env: ['POSTGRES_USER=shop', 'POSTGRES_DB=orders'],
      },
      { stack: 'shop', service: 'cache', image: 'valkey:8', command: ['valkey-server', '--port', '6380'] },
      { stack: 'shop', service: 'web', image: 'nginx' },
      { stack: 'shop', service: 'idle', image: 'postgres:17', state: 'exited' },
    ],
  });
  const prober = new DatabaseProber(engine, clock);
  const ask = async () => await prober.ask(discover(await engine.containers(soon())), soon());
  return { clock, engine, prober, ask };
}

describe('databases', () => {
  it('are asked as their users would, and nothing else is', async () => {
    const { engine, ask } = shop();
    expect((await ask()).map(({ service, accepting }) => `${service} ${accepting}`)).toEqual([
      'cache true',
      'db true',
    ]);
    expect(engine.asked.join('\n')).toContain('--username=shop --dbname=orders');
    expect(engine.asked.join('\n')).toContain('redis-cli -p 6380 ping');
    expect(engine.asked).toHaveLength(2);
  });

  it('that accept are not asked again each round, but after a while, and when one is started', async () => {
    const { engine, clock, ask } = shop();
    await ask();
    await clock.advance(10_000);
    await ask();
    expect(engine.asked).toHaveLength(2);
    await engine.start(engine.idOf('shop/idle'), soon());
    await ask();
    expect(engine.asked).toHaveLength(5);
    await clock.advance(31_000);
    await ask();
    expect(engine.asked).toHaveLength(8);
  });

  it.each([
    ['PONG\n', 0, true],
    ['NOAUTH Authentication required.\n', 1, true],
    ['LOADING Redis is loading the dataset in memory\n', 0, false],
    ['Could not connect to Redis at 127.0.0.1:6379: Connection refused\n', 1, false],
  ])('of Redis that answer %j are judged by it', async (stdout, exitCode, accepting) => {
    const { engine, ask } = shop();
    engine.answer = { exitCode, stdout, stderr: '' };
    expect((await ask()).find(({ service }) => service === 'cache')?.accepting).toBe(accepting);
  });

  it('that do not answer are given up after a while, and asked again next time', async () => {
    const { engine, clock, ask } = shop();
    const end = engine.inject({ call: 'exec', effect: 'hang' });
    const answers = ask();
    await clock.whenSleeping(2);
    await clock.advance(5_000);
    expect((await answers).map(({ accepting }) => accepting)).toEqual([false, false]);
    end();
    expect((await ask()).map(({ accepting }) => accepting)).toEqual([true, true]);
  });
});
