import { join } from 'node:path';
import { eventListSchema, type Guest, guestListSchema, guestSchema, problemSchema } from '@tacet/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Controller } from '../controller.ts';
import { openStore } from '../store/open-store.ts';
import { ApiClient } from '../testing/api-client.ts';
import { enrolAgent } from '../testing/enrol-agent.ts';
import { FakeAgent, type FakeAgentOptions, fakeIncarnation, fakeStatus } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const copyMac = 'bc:24:11:00:00:03';
/** On a storage that names no VMID. */
const nameless = fakeIncarnation(null, copyMac);

let house: TestHouse;
let controller: Controller;
let api: ApiClient;
let credential: string;

beforeEach(async () => {
  house = await TestHouse.create();
  controller = await house.open();
  api = await ApiClient.of(controller.clientFile);
  credential = await enrolAgent(api, 101, fakeIncarnation(101));
  return () => house[Symbol.asyncDispose]();
});

function connect(options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
  const { agentUrl: url, fingerprint } = controller;
  return FakeAgent.connect({ url, fingerprint, credential, incarnation: fakeIncarnation(101), ...options });
}

/** A copy of guest 101 that runs as 201, with all that was on its disk. */
const connectCopy = (options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> =>
  connect({ incarnation: fakeIncarnation(201, copyMac), ...options });

async function guests(): Promise<Guest[]> {
  return (await api.expect(guestListSchema, 'GET', '/api/v1/guests')).guests;
}

async function theCopy(): Promise<Guest> {
  const copies = (await guests()).filter(({ identity }) => identity === 'quarantined');
  expect(copies).toHaveLength(1);
  return copies[0]!;
}

async function expectQuarantined(copy: FakeAgent): Promise<void> {
  expect((await copy.next('welcome')).identity.kind).toBe('quarantined');
  expect(await theCopy()).toMatchObject({ vmid: 201, connected: true, copyOf: 101 });
}

async function events(type: string): Promise<string[]> {
  const list = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0&limit=1000');
  return list.events.filter((event) => event.type === type).map(({ message }) => message);
}

async function refusal(path: string, body: unknown = {}): Promise<[number, string, string]> {
  const { status, code, hint } = problemSchema.parse((await api.call('POST', path, body)).body);
  return [status, code, hint ?? ''];
}

const adoptionOf = (id: string): string => `/api/v1/guests/${id}/adoption`;
const dismissalOf = (id: string): string => `/api/v1/guests/${id}/dismissal`;

/** What a copy is told to make anew once it is adopted. */
async function toldToRegenerate(body: object): Promise<unknown> {
  await using copy = await connectCopy();
  await expectQuarantined(copy);
  await api.expect(guestSchema, 'POST', adoptionOf((await theCopy()).id), body);
  // Twice: a credential that was lost on the way takes nothing of it along.
  await using lost = await connectCopy();
  await lost.next('welcome');
  await using back = await connectCopy();
  const { identity } = await back.next('welcome');
  return identity.kind === 'adopted' ? identity.regenerate : identity;
}

describe('what a copy shall not share with its original', () => {
  it('is made anew as far as most copies need it, unless whoever adopts it says otherwise', async () => {
    expect(await toldToRegenerate({})).toEqual(['machine-id', 'ssh-host-keys']);
  });

  it.each([[[]], [['engine-id']]])('is what whoever adopts it says: %j', async (regenerate) => {
    expect(await toldToRegenerate({ regenerate })).toEqual(regenerate);
  });

  it('is one of three things', async () => {
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    const path = adoptionOf((await theCopy()).id);
    expect((await refusal(path, { regenerate: ['hostname'] })).slice(0, 2)).toEqual([400, 'invalid-input']);
  });
});

describe('a copy that nobody ordered is never taken for the original', () => {
  it('with the copied credential, while the original is connected', async () => {
    await using original = await connect();
    await original.next('welcome');
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    copy.send({ kind: 'status', sequence: 1, status: fakeStatus('False') });
    copy.send({ kind: 'heartbeat', sequence: 2 });
    await copy.next('heartbeat-ack');
    expect(original.isOpen).toBe(true);
    const shown = await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect(shown).toMatchObject({ identity: 'enrolled', connected: true });
    expect(shown.conditions[0]).toMatchObject({ type: 'Ready', status: 'True' });
  });

  it('connecting first, before the original ever has', async () => {
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    await using original = await connect();
    expect((await original.next('welcome')).identity).toEqual({ kind: 'guest', vmid: 101 });
    await expectQuarantined(copy);
  });

  it('connecting first after a restart of the controller', async () => {
    {
      await using original = await connect();
      await original.next('welcome');
    }
    await controller[Symbol.asyncDispose]();
    controller = await house.open();
    api = await ApiClient.of(controller.clientFile);
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    const shown = await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect(shown).toMatchObject({ identity: 'enrolled', connected: false });
  });

  it('connecting while the original is down: nobody stands in for that', async () => {
    {
      await using original = await connect();
      await original.next('welcome');
    }
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    await expect
      .poll(async () => await api.expect(guestSchema, 'GET', '/api/v1/guests/101'), { timeout: 20_000 })
      .toMatchObject({ identity: 'enrolled', connected: false, conditions: [{ status: 'Unknown' }] });
  });

  it('without a VMID of its own, known by its addresses', async () => {
    await using copy = await connect({ incarnation: nameless });
    expect((await copy.next('welcome')).identity.kind).toBe('quarantined');
    expect(await theCopy()).toMatchObject({ vmid: null, connected: true, copyOf: 101 });
  });

  it('replaying the session of the original: what is known of it opens nothing', async () => {
    await using original = await connect();
    const { sessionId } = await original.next('welcome');

    // The same words on a new connection, as if it were the old one going on.
    await using mute = await connectCopy();
    await mute.next('welcome');
    const cut = mute.closed();
    mute.send({
      kind: 'hello',
      agentVersion: '0.0.0',
      bootId: 'boot',
      credential,
      incarnation: fakeIncarnation(101),
      status: fakeStatus(),
    });
    expect((await cut).reason).toContain('a second hello');

    // The id of that session, which no disk has, beside the copy's own hello.
    await using replaying = await connectCopy({ alsoInHello: { sessionId, resume: sessionId } });
    await expectQuarantined(replaying);
    expect(original.isOpen).toBe(true);
    expect((await replaying.next('welcome')).sessionId).not.toBe(sessionId);

    // Frames of a session without a hello.
    await using headless = await connectCopy({ alsoInHello: { kind: 'heartbeat', sequence: 7, sessionId } });
    expect((await headless.next('refused')).error.message).toContain('expected hello');
  });

  it('nor are its words taken for the original’s', async () => {
    await using copy = await connectCopy();
    await copy.next('welcome');
    const event = { at: 1, type: 'heal.finished', message: 'all is well', data: {} } as const;
    copy.send({ kind: 'event', sequence: 1, event });
    copy.send({ kind: 'heartbeat', sequence: 2 });
    await copy.next('heartbeat-ack');
    const list = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0');
    expect(list.events.find(({ message }) => message === 'all is well')).toMatchObject({ vmid: 201 });
  });
});

describe('a copy that is adopted', () => {
  it('is sent away, comes back, and is a guest of its own with a credential of its own', async () => {
    await using original = await connect();
    await original.next('welcome');
    await using copy = await connectCopy();
    await expectQuarantined(copy);
    const closed = copy.closed();
    const { id } = await theCopy();
    const adopted = await api.expect(guestSchema, 'POST', adoptionOf(id), {});
    expect(adopted).toMatchObject({ id, vmid: 201, identity: 'enrolled' });
    expect((await closed).reason).toContain('adopted');

    await using back = await connectCopy();
    const { identity } = await back.next('welcome');
    expect(identity).toMatchObject({ kind: 'adopted', vmid: 201 });
    const own = identity.kind === 'adopted' ? identity.credential : '';
    expect(own).not.toBe(credential);

    await using itself = await connectCopy({ credential: own });
    expect((await itself.next('welcome')).identity).toEqual({ kind: 'guest', vmid: 201 });
    expect(original.isOpen).toBe(true);
    expect((await guests()).map(({ vmid, identity: as, connected }) => [vmid, as, connected])).toEqual([
      [101, 'enrolled', true],
      [201, 'enrolled', true],
    ]);
    expect(await events('guest.adopted')).toEqual([
      expect.stringContaining('guest 201, a copy of guest 101'),
    ]);
  });

  it('may lose its credential on the way; once it has used it, the original’s is worth nothing to it', async () => {
    await using first = await connectCopy();
    await first.next('welcome');
    await api.expect(guestSchema, 'POST', adoptionOf((await theCopy()).id), {});
    await using lost = await connectCopy();
    await lost.next('welcome');
    await using again = await connectCopy();
    const { identity } = await again.next('welcome');
    const own = identity.kind === 'adopted' ? identity.credential : '';
    await using itself = await connectCopy({ credential: own });
    await itself.next('welcome');
    await using replayed = await connectCopy();
    expect((await replayed.next('welcome')).identity.kind).toBe('quarantined');
    expect(itself.isOpen).toBe(true);
  });

  it('and cannot say its VMID is given the one that the operator names', async () => {
    await using copy = await connect({ incarnation: nameless });
    await copy.next('welcome');
    const { id } = await theCopy();
    expect(await refusal(adoptionOf(id))).toEqual([400, 'invalid-input', expect.stringContaining('--vmid')]);
    expect(await refusal(adoptionOf(id), { vmid: 101 })).toEqual([
      409,
      'conflict',
      expect.stringContaining('restored in place'),
    ]);
    await api.expect(guestSchema, 'POST', adoptionOf(id), { vmid: 201 });
    await using back = await connect({ incarnation: nameless });
    expect((await back.next('welcome')).identity).toMatchObject({ kind: 'adopted', vmid: 201 });
  });

  it('takes the place of a guest of its VMID that is away, and of none that is here', async () => {
    const other = await enrolAgent(api, 201, fakeIncarnation(201));
    await using bearer = await connect({ credential: other, incarnation: fakeIncarnation(201) });
    await bearer.next('welcome');
    await using copy = await connectCopy();
    await copy.next('welcome');
    const { id } = await theCopy();
    expect(await refusal(adoptionOf(id))).toEqual([409, 'conflict', expect.stringContaining('Stop the one')]);
    bearer.cut();
    await expect
      .poll(async () => (await api.expect(guestSchema, 'GET', '/api/v1/guests/201')).connected, {
        timeout: 20_000,
      })
      .toBe(false);
    await api.expect(guestSchema, 'POST', adoptionOf(id), {});
    expect((await guests()).map(({ id: guest, vmid }) => [guest, vmid])).toContainEqual([id, 201]);
    expect(await guests()).toHaveLength(2);
  });

  it('cannot be when it runs as another guest than was named, is none, or its original was enrolled anew', async () => {
    await using copy = await connectCopy();
    await copy.next('welcome');
    const { id } = await theCopy();
    expect((await refusal(adoptionOf(id), { vmid: 202 })).slice(0, 2)).toEqual([400, 'invalid-input']);
    expect((await refusal(adoptionOf('nobody'))).slice(0, 2)).toEqual([404, 'not-found']);
    const original = await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect((await refusal(adoptionOf(original.id))).slice(0, 2)).toEqual([409, 'conflict']);
    await enrolAgent(api, 101, fakeIncarnation(101));
    expect(await refusal(adoptionOf(id))).toEqual([
      409,
      'conflict',
      expect.stringContaining('tacet enrol 201'),
    ]);
  });
});

async function dismiss(): Promise<void> {
  await using copy = await connectCopy();
  await copy.next('welcome');
  const closed = copy.closed();
  await api.expect(guestSchema, 'POST', dismissalOf((await theCopy()).id));
  expect((await closed).reason).toContain('dismissed');
}

const expectTurnedAway = async (options: Partial<FakeAgentOptions> = {}): Promise<void> => {
  await using copy = await connectCopy(options);
  expect((await copy.next('refused')).error).toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('dismissed'),
    retryable: false,
  });
};

describe('a copy that is dismissed', () => {
  it('is cut off, gone from the list, and turned away for good', async () => {
    await dismiss();
    expect((await guests()).map(({ vmid }) => vmid)).toEqual([101]);
    await expectTurnedAway();
    // After a restart of either, and with other addresses.
    await controller[Symbol.asyncDispose]();
    controller = await house.open();
    api = await ApiClient.of(controller.clientFile);
    await expectTurnedAway({ incarnation: fakeIncarnation(201, 'bc:24:11:00:00:77') });
    expect(await guests()).toHaveLength(1);
    expect(await events('guest.dismissed')).toEqual([
      expect.stringContaining('guest 201, a copy of guest 101'),
    ]);
  });

  it('costs neither the original nor another copy anything', async () => {
    await using original = await connect();
    await original.next('welcome');
    await dismiss();
    expect(original.isOpen).toBe(true);
    await using other = await connect({ incarnation: fakeIncarnation(202, copyMac) });
    expect((await other.next('welcome')).identity.kind).toBe('quarantined');
  });

  it('is welcome again when it is enrolled', async () => {
    await dismiss();
    const own = await enrolAgent(api, 201, fakeIncarnation(201));
    await using guest = await connectCopy({ credential: own });
    expect((await guest.next('welcome')).identity).toEqual({ kind: 'guest', vmid: 201 });
  });

  it('cannot be dismissed twice, nor can a guest that is none', async () => {
    await using copy = await connectCopy();
    await copy.next('welcome');
    const { id } = await theCopy();
    await api.expect(guestSchema, 'POST', dismissalOf(id));
    expect((await refusal(dismissalOf(id))).slice(0, 2)).toEqual([404, 'not-found']);
    const original = await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect((await refusal(dismissalOf(original.id))).slice(0, 2)).toEqual([409, 'conflict']);
  });

  it('leaves nothing of itself in the store but that', async () => {
    await dismiss();
    await controller[Symbol.asyncDispose]();
    await using store = await openStore(join(house.directory, 'state', 'controller.db'));
    const [original, ...others] = await store.guests.list();
    expect(others).toEqual([]);
    expect(await store.dismissedCopies.has(original?.id ?? '', 'guest 201')).toBe(true);
  });
});
