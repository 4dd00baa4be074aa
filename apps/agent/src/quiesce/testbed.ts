import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event, QuiesceState } from '@tacet/protocol';
import { deferred, ManualClock } from '@tacet/runtime';
import type { MemoryContainerSpec } from '../engine/memory-container.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { MemoryGuestHost } from '../guest/memory-guest-host.ts';
import { Journal } from '../journal/journal.ts';
import { QuiesceCoordinator } from './coordinator.ts';

/** A shop with one service per method, which no restart policy would bring back. */
export const shop: readonly MemoryContainerSpec[] = [
  { stack: 'shop', service: 'db', image: 'postgres:17' },
  { stack: 'shop', service: 'cache', image: 'redis:8', env: ['REDIS_PASSWORD=s3cret'], password: 's3cret' },
  { stack: 'shop', service: 'web', image: 'nginx:1', dependsOn: ['db', 'cache:service_healthy'] },
  { stack: 'shop', service: 'mail', image: 'mailer:2', labels: { 'tacet.method': 'pause' } },
  { stack: 'shop', service: 'wiki', image: 'wiki:1', labels: { 'tacet.method': 'stop' } },
];

/** A guest whose agent can be killed and started again, over one journal. For tests. */
export class Testbed implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly directory: string;
  readonly events: Event[] = [];
  engine: MemoryEngine;
  host: MemoryGuestHost;
  coordinator: QuiesceCoordinator;

  private constructor(directory: string, containers: readonly MemoryContainerSpec[]) {
    this.directory = directory;
    this.engine = new MemoryEngine({ containers, clock: this.clock });
    this.host = new MemoryGuestHost({ engine: this.engine });
    this.coordinator = this.startAgent();
  }

  static async open(containers: readonly MemoryContainerSpec[] = shop): Promise<Testbed> {
    return new Testbed(await mkdtemp(join(tmpdir(), 'tacet-quiesce-')), containers);
  }

  get journal(): Journal {
    return new Journal(this.directory, { clock: this.clock });
  }

  /** What a fresh process has: the journal, and nothing else of the one before. */
  startAgent(): QuiesceCoordinator {
    this.coordinator = new QuiesceCoordinator({
      engine: this.engine,
      host: this.host,
      journal: this.journal,
      agentVersion: '0.0.0-test',
      clock: this.clock,
      emit: (event) => this.events.push(event),
    });
    return this.coordinator;
  }

  /** Another boot of the guest, or of a copy of it, from what is on its disk now. */
  restart(): QuiesceCoordinator {
    this.engine = MemoryEngine.fromCapture(this.engine.capture(), { clock: this.clock });
    this.host = new MemoryGuestHost({ engine: this.engine });
    return this.startAgent();
  }

  async becomes(state: QuiesceState): Promise<void> {
    if (this.coordinator.state === state) return;
    const { promise, resolve } = deferred();
    const stop = this.coordinator.onStateChange((now) => now === state && resolve());
    await promise;
    stop();
  }

  /** Names of the services whose writes stand still. */
  blocked(): string[] {
    return this.engine
      .capture()
      .containers.filter(({ id }) => this.engine.writesBlocked(id))
      .map(({ name }) => name.replace(/^shop-(.*)-1$/, '$1'))
      .toSorted();
  }

  get eventTypes(): string[] {
    return this.events.map(({ type }) => type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}
