import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect } from '@tacet/proxmox';
import { ManualClock, silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config.ts';
import type { StoredGuest } from '../store/guests.ts';
import { openStore } from '../store/open-store.ts';
import { Doctor } from './doctor.ts';

let undo: Undo;
beforeEach(() => {
  undo = new Undo();
});
afterEach(() => undo[Symbol.asyncDispose]());

/** A node that takes connections and never says a word. */
async function silentNode(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return `https://127.0.0.1:${address.port}`;
}

const guestOf = (vmid: number): StoredGuest => ({
  id: `g${vmid}`,
  vmid,
  identity: 'enrolled',
  origin: null,
  regenerate: [],
  agentVersion: null,
  incarnation: null,
  status: null,
  lastSeenAt: null,
});

async function openDoctor(clock: ManualClock, enrolled: readonly number[] = []): Promise<Doctor> {
  const url = await silentNode();
  const trust = { fingerprint: Array(32).fill('AA').join(':') };
  const token = { id: 'tacet@pve!guest-101', secretFile: '/nowhere' };
  const { nodes, drill } = parseConfig({
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: '/nowhere',
    nodes: [{ name: 'pve1', url, trust, storage: 'local', guestTokens: { 101: token } }],
    drill: { vmids: { from: 900, to: 909 }, network: { policy: 'link-down' } },
  });
  const api = connect({ url, trust, token: { id: token.id, secret: 'secret' } });
  undo.defer(() => api.close());
  const store = await openStore(':memory:');
  undo.defer(() => store[Symbol.asyncDispose]());
  const guests = new Map([[101, { tokenId: token.id, api }]]);
  return new Doctor({
    nodes: nodes.map((config) => ({ config, backup: undefined, restore: undefined, guests })),
    guests: async () => enrolled.map(guestOf),
    live: () => undefined,
    retentions: async () => [],
    hook: undefined,
    drill,
    controllerVersion: '1.0.0',
    reports: store.doctorReports,
    clock,
    log: silentLogger,
  });
}

describe('an examination of a node that never answers', () => {
  it('ends with its deadline, and says what it has found by then', async () => {
    const clock = new ManualClock();
    const doctor = await openDoctor(clock);
    const examining = doctor.examine(undefined, new AbortController().signal);
    await clock.whenSleeping();
    await clock.advance(30_000);
    const { findings, notKnown, startedAt, finishedAt } = await examining;
    expect(finishedAt - startedAt).toBe(30_000);
    expect(findings.map(({ id }) => id)).toContain('node-unreachable');
    expect(notKnown.map(({ about }) => about.kind)).toContain('guest');
    expect((await doctor.last())?.startedAt).toBe(startedAt);
  });

  it('is of every guest that is enrolled, but for the scratch guests of drills', async () => {
    const clock = new ManualClock();
    const doctor = await openDoctor(clock, [102, 900]);
    const examining = doctor.examine(undefined, new AbortController().signal);
    await clock.whenSleeping();
    await clock.advance(30_000);
    expect((await examining).guests.map(({ vmid }) => vmid)).toEqual([101, 102]);
  });

  it('ends at once when nobody waits for it any more, and leaves no report', async () => {
    const clock = new ManualClock();
    const doctor = await openDoctor(clock);
    const caller = new AbortController();
    const examining = doctor.examine(undefined, caller.signal);
    await clock.whenSleeping();
    caller.abort(new Error('the caller has gone'));
    await expect(examining).rejects.toThrow('the caller has gone');
    expect(await doctor.last()).toBeUndefined();
  });
});

describe('what an examination has found', () => {
  it('is no longer believed after a day', async () => {
    const clock = new ManualClock();
    const doctor = await openDoctor(clock);
    const examining = doctor.examine(undefined, new AbortController().signal);
    await clock.whenSleeping();
    await clock.advance(30_000);
    await examining;
    const found = (await doctor.backupReady()).get(101);
    expect(found).toMatchObject({ status: 'False' });
    await clock.advance(25 * 3_600_000);
    expect((await doctor.backupReady()).get(101)).toEqual(found);
    await clock.advance(2 * 3_600_000);
    expect((await doctor.backupReady()).get(101)).toMatchObject({ status: 'Unknown', reason: 'Outdated' });
  });
});
