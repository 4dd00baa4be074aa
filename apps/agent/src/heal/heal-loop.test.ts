import type { Manifest, ManifestService } from '@tacet/protocol';
import { ManualClock, silentLogger, TacetError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { discover, manifestServices } from '../discovery/compose.ts';
import type { MemoryContainerSpec } from '../memory.ts';
import { MemoryEngine, MemoryGuestHost } from '../memory.ts';
import type { GuestRepairs } from '../guest/guest-repairs.ts';
import { EventLog } from '../session/event-log.ts';
import { Wakeup } from '../wakeup.ts';
import { heal, type HealRound } from './heal-loop.ts';

const soon = () => AbortSignal.timeout(5_000);

/** A stack as it was, and the engine of the guest that was restored from its backup. */
async function restored(
  containers: readonly MemoryContainerSpec[],
  change: (services: ManifestService[]) => void = () => undefined,
) {
  const clock = new ManualClock();
  const original = new MemoryEngine({ containers, clock });
  const services = manifestServices(discover(await original.containers(soon())));
  change(services);
  const manifest: Manifest = {
    version: 3,
    operationId: 'op',
    takenAt: 0,
    bootId: 'boot',
    incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
    agentVersion: '0',
    engineVersion: '26',
    services,
    projects: [],
  };
  return { clock, engine: MemoryEngine.fromCapture(original.capture(), { clock }), manifest };
}

function startHeal(
  { clock, engine, manifest }: Awaited<ReturnType<typeof restored>>,
  repairs?: GuestRepairs,
) {
  const postRestored = new Set<string>();
  const policy = { missingRestartPolicy: 'unless-stopped', restore: { postRestored } } as const;
  const held = { is: false };
  const wakeup = new Wakeup(clock);
  const events = new EventLog({ clock, log: silentLogger });
  const rounds: HealRound[] = [];
  const stop = new AbortController();
  const healed = heal(
    {
      engine,
      manifest,
      clock,
      events,
      policy: () => policy,
      mayStartEngine: true,
      isHeld: () => held.is,
      host: new MemoryGuestHost({ engine }),
      repairs,
      journal: { recordRestartPolicyChange: async () => undefined },
      wakeup,
      log: silentLogger,
      onRound: (round) => rounds.push(round),
      onDone: async ({ kind, containerId }) => {
        if (kind === 'run-command') postRestored.add(containerId);
      },
    },
    stop.signal,
  );
  const messages = () => events.pending(0).map(({ event }) => `${event.type}: ${event.message}`);
  return { healed, rounds, messages, stop, held };
}

const db: MemoryContainerSpec = { stack: 'shop', service: 'db', image: 'postgres:17' };

describe('heal', () => {
  it('waits for the health of what others need, and starts these then', async () => {
    const guest = await restored([
      { ...db, healthyAfterMs: 30_000 },
      { stack: 'shop', service: 'app', image: 'app', dependsOn: ['db:service_healthy'] },
    ]);
    const { healed, rounds, messages } = startHeal(guest);
    const stateOf = async (name: string) =>
      (await guest.engine.containers(soon())).find(({ id }) => id === guest.engine.idOf(name))?.state;
    await guest.clock.advance(20_000);
    expect(await stateOf('shop/db')).toBe('running');
    expect(await stateOf('shop/app')).toBe('exited');
    expect(rounds.at(-1)?.isIncomplete).toBe(true);
    await guest.clock.advance(20_000);
    expect(await healed).toEqual([]);
    expect(await stateOf('shop/app')).toBe('running');
    expect(messages().filter((message) => message.includes('started'))).toHaveLength(2);
  });

  it('tries a container that does not start again and again, ever more slowly, and then says so', async () => {
    const guest = await restored([db, { stack: 'shop', service: 'web', image: 'nginx' }]);
    const error = new Error('port is already allocated');
    guest.engine.inject({ call: 'start', containerId: guest.engine.idOf('shop/web'), effect: error });
    const { healed, messages } = startHeal(guest);
    await guest.clock.advance(10_000);
    const early = messages().filter((message) => message.startsWith('heal.step-failed')).length;
    expect(early).toBeGreaterThan(1);
    expect(early).toBeLessThan(6);
    await guest.clock.advance(20 * 60_000);
    const findings = await healed;
    expect(findings).toMatchObject([{ stack: 'shop', service: 'web' }]);
    expect(findings[0]?.because).toBe('start was tried 10 times: port is already allocated');
    expect(messages().filter((message) => message.startsWith('heal.backing-off'))).toHaveLength(8);
    expect(messages().filter((message) => message.startsWith('heal.step-failed'))).toHaveLength(10);
  });

  it('does not fight with an operator who stops what has come back, while it waits for another', async () => {
    const guest = await restored([
      { stack: 'shop', service: 'web', image: 'nginx' },
      { ...db, healthyAfterMs: 300_000 },
    ]);
    const { rounds, stop, healed } = startHeal(guest);
    await guest.clock.advance(60_000);
    await guest.engine.stop(guest.engine.idOf('shop/web'), 0, soon());
    await guest.clock.advance(60_000);
    const web = (await guest.engine.containers(soon())).find(({ name }) => name === 'shop-web-1');
    expect(web?.state).toBe('exited');
    expect(rounds.at(-1)?.isIncomplete).toBe(false);
    stop.abort(new Error('enough'));
    await expect(healed).rejects.toThrow('enough');
  });

  it('waits for an engine that is not up yet', async () => {
    const guest = await restored([db]);
    const comeUp = guest.engine.inject({ call: 'containers', effect: new Error('connect ENOENT') });
    const { healed, rounds } = startHeal(guest);
    await guest.clock.advance(60_000);
    expect(rounds.at(-1)?.isIncomplete).toBe(true);
    comeUp();
    await guest.clock.advance(5_000);
    expect(await healed).toEqual([]);
  });

  it('finds a container that was created anew by its name', async () => {
    const guest = await restored([db], (services) => {
      for (const service of services) service.containerId = 'the-one-before';
    });
    const { healed } = startHeal(guest);
    await guest.clock.advance(5_000);
    expect(await healed).toEqual([]);
    expect((await guest.engine.containers(soon()))[0]?.state).toBe('running');
  });

  it('gives up a step that hangs, and the others do not wait for it for ever', async () => {
    const guest = await restored([db, { stack: 'shop', service: 'web', image: 'nginx' }]);
    guest.engine.inject({
      call: 'start',
      containerId: guest.engine.idOf('shop/web'),
      effect: 'hang',
      times: 1,
    });
    const { healed } = startHeal(guest);
    await guest.clock.advance(120_000);
    expect(await healed).toEqual([]);
  });

  it('leaves a guest alone while it is held', async () => {
    const guest = await restored([db]);
    const { healed, held } = startHeal(guest);
    held.is = true;
    await guest.clock.advance(10_000);
    // What began before goes on; nothing new does.
    await guest.engine.pause(guest.engine.idOf('shop/db'), soon());
    await guest.clock.advance(60_000);
    expect((await guest.engine.containers(soon()))[0]?.state).toBe('paused');
    held.is = false;
    await guest.clock.advance(10_000);
    expect(await healed).toEqual([]);
    expect((await guest.engine.containers(soon()))[0]?.state).toBe('running');
  });

  it('does not let what takes long keep others waiting', async () => {
    const guest = await restored([db, { stack: 'shop', service: 'web', image: 'nginx' }]);
    guest.engine.inject({
      call: 'start',
      containerId: guest.engine.idOf('shop/db'),
      effect: 'hang',
      times: 1,
    });
    const { healed, messages } = startHeal(guest);
    await guest.clock.advance(3_000);
    expect(messages().some((message) => message.includes('started shop/web'))).toBe(true);
    await guest.clock.advance(120_000);
    expect(await healed).toEqual([]);
  });

  it('gives up what needs something that is gone, instead of waiting for it', async () => {
    const guest = await restored([db, { stack: 'shop', service: 'app', image: 'app', dependsOn: ['db'] }]);
    guest.engine.remove(guest.engine.idOf('shop/db'));
    const { healed } = startHeal(guest);
    await guest.clock.advance(5_000);
    expect((await healed).map(({ service }) => service).toSorted()).toEqual(['app', 'db']);
  });

  it('asks for the engine once it had time to come by itself', async () => {
    const guest = await restored([db]);
    const comeUp = guest.engine.inject({ call: 'containers', effect: new Error('connect ENOENT') });
    const asked: string[] = [];
    const { healed } = startHeal(guest, {
      startEngine: async () => {
        asked.push('engine');
        comeUp();
      },
      composeUp: async () => undefined,
    });
    await guest.clock.advance(15_000);
    expect(asked).toEqual([]);
    await guest.clock.advance(30_000);
    expect(await healed).toEqual([]);
    expect(asked).toEqual(['engine']);
  });

  it('says at once what no other try would change', async () => {
    const guest = await restored([db]);
    guest.manifest.projects.push({
      stack: 'shop',
      workingDir: '/opt/shop',
      configFiles: ['/opt/shop/compose.yaml'],
      envFiles: [],
    });
    guest.engine.remove(guest.engine.idOf('shop/db'));
    const gone = new TacetError('compose.yaml is not in this guest', {
      code: 'not-found',
      hint: 'Put it back.',
    });
    const { healed } = startHeal(guest, {
      startEngine: async () => undefined,
      composeUp: () => Promise.reject(gone),
    });
    await guest.clock.advance(5_000);
    expect(await healed).toEqual([
      {
        stack: 'shop',
        service: 'db',
        because: 'compose-up was tried once: compose.yaml is not in this guest (Put it back.)',
      },
    ]);
  });

  it('runs a post-restore command until it succeeds, and then no more', async () => {
    const label = { 'tacet.post-restore.exec': 'redis-cli ping' };
    const guest = await restored([{ stack: 'shop', service: 'cache', image: 'redis:8', labels: label }]);
    guest.engine.inject({ call: 'exec', effect: new Error('not yet'), times: 1 });
    const { healed, messages } = startHeal(guest);
    await guest.clock.advance(30_000);
    expect(await healed).toEqual([]);
    expect(messages().filter((message) => message.includes('post-restore'))).toEqual([
      'heal.step: ran the post-restore command of shop/cache: its label asks for it after a restore',
    ]);
  });
});
