import type { Incarnation } from '@tacet/protocol';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import { hashSecret } from '../secrets.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { fakeIncarnation, fakeStatus } from '../testing/fake-agent.ts';
import { type Admitted, Admission } from './admission.ts';
import { SaySo } from './say-so.ts';

function credentialOf({ welcome }: Admitted): string {
  if (welcome.kind === 'adopted') return welcome.credential;
  throw new Error(`expected to be adopted, was ${welcome.kind}`);
}

describe('a copy of guest 101 that this controller ordered as guest 201', () => {
  const clock = new ManualClock();
  let store: Store;
  let admission: Admission;
  const connected = new Set<string>();

  beforeEach(async () => {
    connected.clear();
    store = await openStore(':memory:');
    const events = new EventLog({ events: store.events, clock, log: silentLogger });
    const saySo = new SaySo({ events, clock });
    admission = new Admission({
      store,
      events,
      clock,
      log: silentLogger,
      saySo,
      isConnected: (id) => connected.has(id),
    });
    await store.guests.enrol({ id: 'g101', vmid: 101, credentialHash: hashSecret('own'), now: 1 });
    await store.operations.create({ id: 'op', kind: 'restore', vmid: 101, startedAt: 1 });
    await order();
    return () => store[Symbol.asyncDispose]();
  });

  const order = (expiresAt = clock.now() + 1_000): Promise<void> =>
    store.restoreOrders.create(
      { id: `order-${expiresAt}`, operationId: 'op', sourceVmid: 101, targetVmid: 201 },
      clock.now(),
      expiresAt,
    );

  function hello(credential: string, incarnation: Incarnation): Promise<Admitted> {
    const status = fakeStatus();
    return admission.admit({
      kind: 'hello',
      agentVersion: '0',
      bootId: 'b',
      credential,
      incarnation,
      status,
    });
  }

  const copy = fakeIncarnation(201, 'bc:24:11:00:00:02');

  it('is told what to make anew, each time that it is given a credential, and nothing unless that was ordered', async () => {
    const regenerate = ['ssh-host-keys', 'engine-id'] as const;
    const target = { id: 'told', operationId: 'op', sourceVmid: 101, targetVmid: 202 };
    await store.restoreOrders.create({ ...target, regenerate }, clock.now(), clock.now() + 1_000);
    for (const [vmid, told] of [
      [202, regenerate],
      [202, regenerate],
      [201, []],
    ] as const) {
      const { welcome } = await hello('own', fakeIncarnation(vmid, 'bc:24:11:00:00:04'));
      expect(welcome).toMatchObject({ kind: 'adopted', vmid, regenerate: told });
    }
  });

  it('becomes a guest of its own, with a credential of its own', async () => {
    const adopted = await hello('own', copy);
    expect(adopted).toMatchObject({ vmid: 201, welcome: { kind: 'adopted' } });
    expect(adopted.guestId).not.toBe('g101');
    const again = await hello(credentialOf(adopted), copy);
    expect(again).toMatchObject({ guestId: adopted.guestId, welcome: { kind: 'guest', vmid: 201 } });
  });

  it('is let in, and so is every known guest, although the disk of the controller is full', async () => {
    vi.spyOn(store.guests, 'saw').mockRejectedValue(new Error('database or disk is full'));
    expect(await hello('own', fakeIncarnation(101))).toMatchObject({ welcome: { kind: 'guest', vmid: 101 } });
    expect(await hello('own', copy)).toMatchObject({ welcome: { kind: 'adopted', vmid: 201 } });
  });

  it('may lose its new credential on the way and is given another, as the same guest', async () => {
    const first = await hello('own', copy);
    const second = await hello('own', copy);
    expect(second.guestId).toBe(first.guestId);
    await expect(hello(credentialOf(first), copy)).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await hello(credentialOf(second), copy)).welcome.kind).toBe('guest');
  });

  it('has used its order up once it came back as itself: a second copy is quarantined', async () => {
    await hello(credentialOf(await hello('own', copy)), copy);
    expect((await hello('own', copy)).welcome.kind).toBe('quarantined');
  });

  it('comes too late when the order has expired', async () => {
    await clock.advance(1_001);
    expect((await hello('own', copy)).welcome.kind).toBe('quarantined');
  });

  it('takes the place of whoever claimed its VMID before, a quarantined copy included', async () => {
    await store.guests.enrol({ id: 'stale', vmid: 201, credentialHash: 'x', now: 1 });
    await store.guests.quarantine({ id: 'odd', vmid: 201, originId: 'g101', copyKey: 'k', now: 1 });
    const adopted = await hello('own', copy);
    expect(adopted.displaced.toSorted()).toEqual(['odd', 'stale']);
    expect((await store.guests.enrolled(201))?.id).toBe(adopted.guestId);
  });

  it('is welcome although a copy of that VMID was dismissed before, and stays so', async () => {
    await store.dismissedCopies.add('g101', 'guest 201', 1);
    expect((await hello('own', copy)).welcome.kind).toBe('adopted');
    expect(await store.dismissedCopies.has('g101', 'guest 201')).toBe(false);
  });

  it('leaves the original what it is', async () => {
    await hello('own', copy);
    const original = await hello('own', fakeIncarnation(101));
    expect(original).toMatchObject({ guestId: 'g101', welcome: { kind: 'guest', vmid: 101 } });
  });

  const other = (vmid: number): Promise<Admitted> => hello('own', fakeIncarnation(vmid, copy.macs[0]));

  it('is not the only one: of copies without end sixteen are kept, and those that are connected stay', async () => {
    const first = await other(300);
    connected.add(first.guestId);
    for (let vmid = 301; vmid < 340; vmid += 1) {
      await other(vmid);
      await clock.advance(1);
    }
    const rows = (await store.guests.list()).filter(({ identity }) => identity === 'quarantined');
    expect(rows).toHaveLength(16);
    expect(rows.map(({ id }) => id)).toContain(first.guestId);
    expect(rows.at(-1)?.vmid).toBe(339);

    for (const { id } of rows) connected.add(id);
    await expect(other(400)).rejects.toMatchObject({ code: 'guest-quarantined', hint: expect.any(String) });
    expect((await other(339)).welcome.kind).toBe('quarantined');
  });
});
