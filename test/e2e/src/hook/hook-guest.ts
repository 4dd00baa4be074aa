import { type FakeAgent, FakeQuiesce } from '@tacet/controller/testing';
import type { GuestContent } from '@tacet/pve-sim';
import { deferred, systemClock } from '@tacet/runtime';

/** A simulated guest with a scripted agent in it: deaf while the guest is frozen, and gone while it is stopped. */
export class HookGuest implements GuestContent {
  readonly quiesce = new FakeQuiesce(systemClock);
  /** Of every copy that was made of its disk, whether everything was held at that instant. */
  readonly copiedWhileHeld: boolean[] = [];
  isFrozen = false;
  isRunning = false;
  /** Called before a request is answered: throw, or wait, to misbehave. */
  before: FakeQuiesce['before'] = () => undefined;
  /** How its agent dials; undefined for a guest whose agent never does. */
  dial: (() => Promise<FakeAgent>) | undefined;
  agent: FakeAgent | undefined;
  #unfrozen = deferred();

  constructor() {
    this.quiesce.before = async (method) => {
      if (this.isFrozen) await this.#unfrozen.promise;
      await this.before(method);
    };
  }

  /** What it was asked, in order. */
  get story(): string[] {
    return this.quiesce.journal;
  }

  async start(): Promise<void> {
    this.isRunning = true;
    this.agent = await this.dial?.();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.agent?.[Symbol.asyncDispose]();
  }

  freeze(): void {
    this.isFrozen = true;
    this.#unfrozen = deferred();
  }

  thaw(): void {
    this.isFrozen = false;
    this.#unfrozen.resolve();
  }

  capture(): void {
    this.copiedWhileHeld.push(this.quiesce.isHeld);
  }
}
