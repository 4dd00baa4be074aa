import { once } from 'node:events';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connect as connectTls } from 'node:tls';
import {
  backupListSchema,
  decodeEnrolmentToken,
  enrolmentSchema,
  eventListSchema,
  type Guest,
  guestListSchema,
  guestSchema,
  operationListSchema,
  operationSchema,
  protocolVersion,
  scheduleRunListSchema,
} from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Controller } from './controller.ts';
import { dueRun } from './schedules/settle-run.ts';
import { openStore } from './store/open-store.ts';
import { ApiClient } from './testing/api-client.ts';
import { enrolAgent } from './testing/enrol-agent.ts';
import { FakeAgent, type FakeAgentOptions, fakeIncarnation, fakeStatus } from './testing/fake-agent.ts';
import { FakeQuiesce } from './testing/fake-quiesce.ts';
import { storedBackup } from './testing/stored-backup.ts';
import { TestHouse } from './testing/test-house.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await TestHouse.create();
  return () => house[Symbol.asyncDispose]();
});

async function enrol(controller: Controller, vmid: number): Promise<string> {
  return await enrolAgent(await ApiClient.of(controller.clientFile), vmid, fakeIncarnation(vmid));
}

describe('a controller that starts', () => {
  it('keeps certificate, token and guests across restarts', async () => {
    const first = await house.open();
    const credential = await enrol(first, 101);
    const { token } = JSON.parse(await readFile(first.clientFile, 'utf8'));
    await first[Symbol.asyncDispose]();

    const second = await house.open();
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(JSON.parse(await readFile(second.clientFile, 'utf8'))).toMatchObject({ token, url: second.url });
    const { agentUrl: url, fingerprint } = second;
    const incarnation = fakeIncarnation(101);
    await using agent = await FakeAgent.connect({ url, fingerprint, credential, incarnation });
    expect((await agent.next('welcome')).identity).toEqual({ kind: 'guest', vmid: 101 });
  });

  it('lets nobody else read its key and its token', async () => {
    const controller = await house.open();
    const files = [controller.clientFile, join(house.directory, 'state', 'controller.key')];
    for (const file of files) expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await stat(join(house.directory, 'state'))).mode & 0o077).toBe(0);
  });

  it('makes a new token when the file is lost, and the old one is worth nothing', async () => {
    const first = await house.open();
    const old = await ApiClient.of(first.clientFile);
    await first[Symbol.asyncDispose]();
    await writeFile(first.clientFile, '{}');
    const second = await house.open({
      listen: { address: '127.0.0.1', port: Number(new URL(first.url).port) },
    });
    expect((await old.call('GET', '/api/v1/version')).status).toBe(401);
    expect((await (await ApiClient.of(second.clientFile)).call('GET', '/api/v1/version')).status).toBe(200);
  });

  it('refuses a token secret that others may read, and says what to do', async () => {
    const secretFile = join(house.directory, 'secret');
    await writeFile(secretFile, 'x');
    await chmod(secretFile, 0o644);
    const node = {
      name: 'pve1',
      url: 'https://127.0.0.1:1',
      trust: { fingerprint: Array(32).fill('AA').join(':') },
      backupToken: { id: 'a@pve!b', secretFile },
      storage: 'local',
    };
    await expect(house.open({ nodes: [node] })).rejects.toMatchObject({ hint: `chmod 600 ${secretFile}` });
  });

  it('says what is wrong with a certificate that was cut off, and what it costs to make another', async () => {
    const first = await house.open();
    await first[Symbol.asyncDispose]();
    await writeFile(join(house.directory, 'state', 'controller.key'), '-----BEGIN PRIV');
    await expect(house.open()).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('controller.key'),
      hint: expect.stringContaining('enrol every guest again'),
    });
  });

  it('needs to be told how guests reach it when it listens everywhere', async () => {
    await expect(house.open({ listen: { address: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
      code: 'invalid-input',
      hint: expect.stringContaining('agentUrl'),
    });
  });

  it('whose store has rows that cannot be read answers for all the others, and says which', async () => {
    await (await house.open())[Symbol.asyncDispose]();
    const path = join(house.directory, 'state', 'controller.db');
    {
      await using store = await openStore(path);
      for (const vmid of [101, 102, 103]) {
        await store.guests.enrol({ id: `g${vmid}`, vmid, credentialHash: `hash${vmid}`, now: 1 });
        const [id, operationId] = [`b${vmid}`, `op${vmid}`];
        await store.operations.create({ id: operationId, kind: 'backup', vmid, startedAt: 1 });
        await store.backups.create({ ...storedBackup, id, operationId, vmid }, 'local');
        await store.operations.finish(operationId, { at: 2, restoredTo: null, error: null });
        const subject = { guestId: `g${vmid}`, vmid };
        await store.events.append({ at: 1, type: 'heal.step', message: `of ${vmid}`, data: {} }, subject);
      }
      await store.operations.create({ id: 'left', kind: 'backup', vmid: 101, startedAt: 1 });
      const due = { schedule: 'nightly', action: 'backup', eventAt: 1, dueAt: 1, late: false } as const;
      const runs = [
        { ...dueRun('run101', { ...due, vmid: 101 }), operationId: 'left' },
        { ...dueRun('run102', { ...due, vmid: 102 }), operationId: 'op102' },
        { ...dueRun('run103', { ...due, vmid: 103 }), operationId: 'op103' },
      ];
      await store.scheduleRuns.save(runs.map((run) => ({ ...run, state: 'started' })));
    }
    {
      using database = new DatabaseSync(path);
      database.exec(`UPDATE guests SET status = '{' WHERE vmid = 101;
        UPDATE backups SET verdict = '{' WHERE vmid = 102;
        UPDATE operations SET error = '{' WHERE id = 'left';
        UPDATE events SET data = '{' WHERE vmid = 103;
        INSERT INTO known_guests (vmid, through, seen) VALUES (101, 'pve1', '{');
        INSERT INTO doctor_reports (slot, finished_at, report) VALUES ('complete', 1, '{')`);
    }
    const controller = await house.open();
    const api = await ApiClient.of(controller.clientFile);
    const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid, lastBackup }) => [vmid, lastBackup?.id])).toEqual([
      [102, undefined],
      [103, 'b103'],
    ]);
    expect(await api.call('GET', '/api/v1/guests/101')).toMatchObject({
      status: 500,
      body: { code: 'internal', detail: expect.stringContaining('guest 101'), hint: expect.any(String) },
    });
    expect((await api.call('GET', '/api/v1/guests/102')).status).toBe(200);
    const { backups } = await api.expect(backupListSchema, 'GET', '/api/v1/backups');
    expect(backups.map(({ id }) => id)).toEqual(['b103', 'b101']);
    const { operations } = await api.expect(operationListSchema, 'GET', '/api/v1/operations');
    expect(operations.map(({ id }) => id)).toEqual(['op103', 'op101']);
    expect(await api.call('GET', '/api/v1/operations/op102')).toMatchObject({
      status: 500,
      body: { detail: expect.stringContaining('op102') },
    });
    const { events } = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0');
    expect(events.map(({ message }) => message)).toEqual([
      'of 101',
      'of 102',
      expect.stringContaining('backup of guest 101 failed: what the store has of this operation'),
    ]);
    expect(await api.text('/metrics')).toContain('tacet_guests{identity="enrolled"} 3');
    const { runs } = await api.expect(scheduleRunListSchema, 'GET', '/api/v1/schedules/nightly/runs');
    expect(runs.map(({ vmid, state }) => [vmid, state])).toEqual([
      [103, 'succeeded'],
      [102, 'failed'],
      [101, 'failed'],
    ]);

    // The way back for a guest whose row is damaged, where its own next call is none.
    await enrol(controller, 101);
    expect((await api.call('GET', '/api/v1/guests/101')).status).toBe(200);
  });

  it('has a guest back whose last picture cannot be read as soon as its agent calls', async () => {
    const first = await house.open();
    const credential = await enrol(first, 101);
    await first[Symbol.asyncDispose]();
    {
      using database = new DatabaseSync(join(house.directory, 'state', 'controller.db'));
      database.exec(`UPDATE guests SET status = '{"quiesceState":"dreaming"}'`);
    }
    const { agentUrl: url, fingerprint, clientFile } = await house.open();
    const api = await ApiClient.of(clientFile);
    expect((await api.call('GET', '/api/v1/guests/101')).status).toBe(500);
    await using agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential,
      incarnation: fakeIncarnation(101),
    });
    expect((await agent.next('welcome')).identity).toEqual({ kind: 'guest', vmid: 101 });
    const listed = () => api.expect(guestListSchema, 'GET', '/api/v1/guests');
    await expect.poll(listed).toMatchObject({ guests: [{ vmid: 101, connected: true }] });
  });

  it('ends what its predecessor had begun and asked nobody for, and lets it be asked for again', async () => {
    await (await house.open())[Symbol.asyncDispose]();
    {
      await using store = await openStore(join(house.directory, 'state', 'controller.db'));
      await store.operations.create({ id: 'op', kind: 'backup', vmid: 101, startedAt: 1 });
    }
    const api = await ApiClient.of((await house.open()).clientFile);
    const ended = () => api.expect(operationSchema, 'GET', '/api/v1/operations/op');
    await expect
      .poll(ended)
      .toMatchObject({ state: 'failed', error: { message: /controller restarted/, retryable: true } });
  });
});

describe('agents at the gateway', () => {
  let controller: Controller;
  let api: ApiClient;
  let credential: string;

  beforeEach(async () => {
    controller = await house.open({ heartbeatMs: 50, sessionTtlMs: 400 });
    api = await ApiClient.of(controller.clientFile);
    credential = await enrol(controller, 101);
  });

  function connect(options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    const { agentUrl: url, fingerprint } = controller;
    const incarnation = fakeIncarnation(101);
    return FakeAgent.connect({ url, fingerprint, credential, incarnation, ...options });
  }

  const guest = (): Promise<Guest> => api.expect(guestSchema, 'GET', '/api/v1/guests/101');

  it('are heard: status and events arrive, heartbeats are answered after them', async () => {
    await using agent = await connect();
    const { heartbeatMs, ttlMs } = await agent.next('welcome');
    expect([heartbeatMs, ttlMs]).toEqual([50, 400]);
    const event = { at: 1, type: 'heal.step', message: 'started web', data: {} } as const;
    agent.send({ kind: 'event', sequence: 1, event });
    agent.send({ kind: 'status', sequence: 2, status: fakeStatus('False') });
    agent.send({ kind: 'heartbeat', sequence: 3 });
    expect(await agent.next('heartbeat-ack')).toMatchObject({ sequence: 3, ttlMs: 400 });
    expect((await guest()).conditions[0]).toMatchObject({ type: 'Ready', status: 'False' });
    const { events } = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0');
    expect(events).toContainEqual(expect.objectContaining({ ...event, vmid: 101 }));
  });

  it('cannot speak in the name of the controller', async () => {
    await using agent = await connect();
    await agent.next('welcome');
    const event = { at: 1, type: 'operation.finished', message: 'backup fine', data: {} } as const;
    agent.send({ kind: 'event', sequence: 1, event });
    agent.send({ kind: 'heartbeat', sequence: 2 });
    await agent.next('heartbeat-ack');
    const { events } = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0');
    expect(events.map(({ message }) => message)).not.toContain('backup fine');
  });

  it('that fall silent are gone: nobody knows their condition, and the last word is kept', async () => {
    await using agent = await connect();
    await agent.next('welcome');
    await expect.poll(async () => (await guest()).connected).toBe(false);
    expect((await guest()).conditions[0]).toMatchObject({
      type: 'Ready',
      status: 'Unknown',
      reason: 'AgentNotConnected',
      message: expect.stringContaining('it was True before'),
    });
  });

  it('with an unknown credential are all refused alike', async () => {
    await using agent = await connect({ credential: 'nonsense' });
    const closed = agent.closed();
    expect((await agent.next('refused')).error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect((await closed).code).toBe(1008);
  });

  it('that connect again take the place of their older session', async () => {
    await using older = await connect();
    await older.next('welcome');
    const closed = older.closed();
    await using newer = await connect();
    await newer.next('welcome');
    expect((await closed).reason).toContain('newer session');
    expect((await guest()).connected).toBe(true);
  });

  it.each([
    ['no JSON', '{'],
    ['no kind of frame', '{"reboot":true}'],
    [
      'many wrong fields',
      JSON.stringify({ kind: 'status', sequence: '×', status: { conditions: [{}, {}] } }),
    ],
    ['a binary frame', Buffer.from('{}')],
  ])('that send %s are cut off with the reason', async (_, text) => {
    await using agent = await connect();
    await agent.next('welcome');
    const closed = agent.closed();
    agent.sendRaw(text);
    expect(await closed).toMatchObject({ code: 1008, reason: /not a frame of this protocol/ });
  });

  it('cannot send frames without end', async () => {
    await using agent = await connect();
    await agent.next('welcome');
    const closed = agent.closed();
    agent.sendRaw('x'.repeat(2 * 1024 * 1024));
    expect((await closed).code).toBe(1009);
  });

  it.each([
    ['another version of the protocol', '/agent/v1/session', ['tacet.v99'], 400],
    ['no version', '/agent/v1/session', [], 400],
    ['another path', '/elsewhere', [protocolVersion], 404],
  ])('that ask for %s are turned away', async (_, path, protocols, status) => {
    const url = controller.agentUrl.replace('https:', 'wss:') + path;
    const socket = new WebSocket(url, protocols, { rejectUnauthorized: false });
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(status);
    socket.on('error', () => undefined);
    socket.terminate();
  });

  it('that are turned away cannot keep their connection, though they keep their end of it', async () => {
    const { hostname, port } = new URL(controller.agentUrl);
    const raw = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true });
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    for (const end of [raw, socket]) end.on('error', () => undefined); // cut off: that is what is expected
    const headers = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    socket.write(`GET /elsewhere HTTP/1.1\r\n${headers}\r\n`);
    socket.resume();
    const closed = new Promise((resolve) => raw.once('close', resolve));
    // Whoever keeps its end open and writes on learns that nobody is there any more.
    const writing = setInterval(() => raw.write('x'), 50);
    await closed.finally(() => clearInterval(writing));
    expect(raw.destroyed).toBe(true);
  });

  it('are not more than the controller can serve', async () => {
    await controller[Symbol.asyncDispose]();
    controller = await house.open({ maxSessions: 3 }); // gives none up, however slow this machine is
    await using first = await connect();
    await using second = await connect({ incarnation: fakeIncarnation(201) });
    await using third = await connect({ incarnation: fakeIncarnation(202) });
    await Promise.all([first, second, third].map((agent) => agent.next('welcome')));
    await expect(connect({ incarnation: fakeIncarnation(203) })).rejects.toThrow('503');
  });

  it('that come back held for nothing that runs here are thawed at once', async () => {
    const quiesce = new FakeQuiesce(systemClock);
    await quiesce.answer('hold', { operationId: 'gone', leaseMs: 60_000, deadlineMs: 1 });
    await using agent = await connect({
      status: fakeStatus('True', 'held'),
      answer: quiesce.answer.bind(quiesce),
    });
    await agent.next('request');
    await expect.poll(() => quiesce.isHeld).toBe(false);
  });

  it('keep their session when the disk copy speaks, and the copy stays quarantined as itself', async () => {
    await using original = await connect();
    await original.next('welcome');
    await using copy = await connect({ incarnation: fakeIncarnation(333, 'bc:24:11:00:00:03') });
    expect((await copy.next('welcome')).identity.kind).toBe('quarantined');
    expect(original.isOpen).toBe(true);
    const stranger = await api.expect(guestSchema, 'GET', '/api/v1/guests/333');
    expect(stranger).toMatchObject({ identity: 'quarantined', connected: true });
  });

  it('are told goodbye when the controller stops', async () => {
    await using agent = await connect();
    await agent.next('welcome');
    const closed = agent.closed();
    await controller[Symbol.asyncDispose]();
    expect((await closed).code).toBe(1001);
  });
});

describe('enrolment', () => {
  let controller: Controller;
  let api: ApiClient;
  beforeEach(async () => {
    controller = await house.open();
    api = await ApiClient.of(controller.clientFile);
  });

  async function secretFor(vmid: number): Promise<string> {
    const answer = await api.expect(enrolmentSchema, 'POST', `/api/v1/guests/${vmid}/enrolments`);
    return decodeEnrolmentToken(answer.token).secret;
  }

  const trade = (secret: string, vmid: number) =>
    new ApiClient(controller.agentUrl).call('POST', '/api/v1/agents/enroll', {
      secret,
      agentVersion: '0',
      incarnation: fakeIncarnation(vmid),
    });

  it('works once', async () => {
    const secret = await secretFor(101);
    expect((await trade(secret, 101)).status).toBe(200);
    expect(await trade(secret, 101)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  it('in the wrong guest is refused, and the token stays good for the right one', async () => {
    const secret = await secretFor(101);
    expect(await trade(secret, 102)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await trade(secret, 101)).status).toBe(200);
  });

  it('again ends the session of who bore the VMID before', async () => {
    const credential = await enrol(controller, 101);
    const { agentUrl: url, fingerprint } = controller;
    await using agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential,
      incarnation: fakeIncarnation(101),
    });
    await agent.next('welcome');
    const closed = agent.closed();
    await enrol(controller, 101);
    expect((await closed).reason).toContain('another guest has taken this VMID');
  });
});
