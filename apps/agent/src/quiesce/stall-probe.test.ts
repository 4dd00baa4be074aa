import { deferred, ManualClock, silentLogger } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { StallProbe } from './stall-probe.ts';

const gone = (): Promise<void> => Promise.reject(new Error('the client has ended'));
const never = new AbortController().signal;

/** A server that answers at once, unless it is frozen. */
class Server {
  #thawed = deferred();
  asked = 0;

  constructor() {
    this.#thawed.resolve();
  }

  freeze(): void {
    this.#thawed = deferred();
  }

  thaw(): void {
    this.#thawed.resolve();
  }

  readonly ask = async (): Promise<void> => {
    this.asked += 1;
    await this.#thawed.promise;
  };
}

describe('a probe of the stall', () => {
  it('tells the longest time without an answer', async () => {
    const clock = new ManualClock();
    const server = new Server();
    const probe = new StallProbe(server.ask, { clock, logger: silentLogger });
    await clock.advance(50);
    server.freeze();
    await clock.advance(300);
    const ended = probe.end();
    server.thaw();
    await ended;
    expect(server.asked).toBeGreaterThan(2);
    expect(probe.longestMs).toBeGreaterThanOrEqual(300);
    expect(probe.longestMs).toBeLessThan(340);
  });

  it('has measured nothing when the server went away', async () => {
    const clock = new ManualClock();
    const probe = new StallProbe(gone, { clock, logger: silentLogger });
    await clock.advance(10);
    await probe.end();
    expect(probe.longestMs).toBeNull();
  });

  it('does not wait for ever for the last answer', async () => {
    const clock = new ManualClock();
    const probe = new StallProbe(() => clock.sleep(1e9, never), { clock, logger: silentLogger });
    await clock.advance(10);
    const ended = probe.end();
    await clock.advance(1_000);
    await ended;
    expect(probe.longestMs).toBeNull();
  });
});
