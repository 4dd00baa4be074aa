import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeController, fakeController } from '@tacet/agent/src/session/fake-controller.ts';
import { parseConfig, startController } from '@tacet/controller';
import { ApiClient, FakeAgent, fakeIncarnation, fakeStatus } from '@tacet/controller/testing';
import {
  decodeEnrolmentToken,
  enrolmentSchema,
  enrolResponseSchema,
  guestSchema,
  type RequestMethod,
} from '@tacet/protocol';
import { createLogger, jsonSink, Undo } from '@tacet/runtime';
import { WebSocket } from 'ws';
import { beforeEach, describe, expect, it } from 'vitest';
import { startGuestAgent } from './guest-agent.ts';
import { laterCondition, laterFields, withLaterFields } from './next-minor.ts';

let undo: Undo;
let log: string[];
beforeEach(() => {
  undo = new Undo();
  log = [];
  return () => undo[Symbol.asyncDispose]();
});

async function openController() {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-compatible-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const controller = await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [],
    }),
    log: createLogger({ sink: jsonSink((line) => log.push(line)), level: 'warn' }),
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  const api = await ApiClient.of(controller.clientFile);
  return { controller, api };
}

/** What a controller answers to an agent that offers these versions. */
async function offer(
  url: string,
  protocols: string[],
): Promise<{ status: number; header: unknown; text: string }> {
  const socket = new WebSocket(`${url.replace('https:', 'wss:')}/agent/v1/session`, protocols, {
    rejectUnauthorized: false,
  });
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode ?? 0, header: response.headers['tacet-protocols'], text };
}

describe('today’s controller', () => {
  it.each([
    ['an agent of a later major version', ['tacet.v2'], 'the agent tacet.v2. Upgrade the controller.'],
    ['an agent of an older major version', ['tacet.v0'], 'the agent tacet.v0. Upgrade the agent.'],
    ['an agent that names none', ['mqtt'], 'Upgrade the agent.'],
  ])('turns %s away: it says who has to be upgraded, and so does its log', async (_who, protocols, says) => {
    const { controller } = await openController();
    const { status, header, text } = await offer(controller.url, protocols);
    expect({ status, header }).toEqual({ status: 400, header: 'tacet.v1' });
    expect(text).toContain('the controller speaks tacet.v1');
    expect(text).toContain(says);
    expect(log.join('')).toContain(says.split('. ').at(-1));
  });

  it('agrees with a later agent on the version that both speak', async () => {
    const { controller } = await openController();
    const url = `${controller.url.replace('https:', 'wss:')}/agent/v1/session`;
    const socket = new WebSocket(url, ['tacet.v2', 'tacet.v1'], { rejectUnauthorized: false });
    await once(socket, 'open');
    expect(socket.protocol).toBe('tacet.v1');
    socket.terminate();
  });

  it('goes on with an agent of a later minor version, and leaves out what it does not know', async () => {
    const { controller, api } = await openController();
    const { token } = await api.expect(enrolmentSchema, 'POST', '/api/v1/guests/101/enrolments');
    const { url, secret } = decodeEnrolmentToken(token);
    const { credential } = await new ApiClient(url).expect(
      enrolResponseSchema,
      'POST',
      '/api/v1/agents/enroll',
      {
        secret,
        agentVersion: '0.3.0',
        incarnation: fakeIncarnation(101),
        ...laterFields,
      },
    );
    const status = fakeStatus();
    await using agent = await FakeAgent.connect({
      url,
      fingerprint: controller.fingerprint,
      credential,
      incarnation: fakeIncarnation(101),
      agentVersion: '0.3.0',
      alsoInHello: {
        ...laterFields,
        status: { ...status, conditions: [...status.conditions, laterCondition], ...laterFields },
      },
    });
    await agent.next('welcome');
    const event = { at: 1, message: 'later', data: {} };
    for (const later of [
      { kind: 'later-frame', sequence: 1, ...laterFields },
      { kind: 'event', sequence: 2, event: { ...event, type: 'later.event' } },
      { kind: 'event', sequence: 3, event: { ...event, type: 'heal.step', ...laterFields } },
      {
        kind: 'error',
        id: 99,
        error: { code: 'later-code', message: 'x', retryable: false, ...laterFields },
      },
    ]) {
      agent.sendRaw(JSON.stringify(later));
    }
    agent.send({ kind: 'heartbeat', sequence: 4 });
    expect(await agent.next('heartbeat-ack')).toMatchObject({ sequence: 4 });
    const guest = await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect(guest).toMatchObject({ connected: true, agentVersion: '0.3.0' });
    expect(guest.conditions.map(({ type }) => type)).toEqual(['Ready']);

    const closed = agent.closed();
    agent.sendRaw(JSON.stringify({ kind: 'heartbeat', ...laterFields }));
    expect(await closed).toMatchObject({ code: 1008, reason: expect.stringContaining('sequence') });
  });
});

describe('today’s agent', () => {
  let controller: FakeController;
  beforeEach(async () => {
    controller = await fakeController();
    undo.defer(() => controller[Symbol.asyncDispose]());
  });

  it.each([
    ['a later', 'tacet.v2, tacet.v3', 'Upgrade the agent.'],
    ['an older', 'tacet.v0', 'Upgrade the controller.'],
  ])('says who has to be upgraded to a controller of %s major version', async (_which, theirs, says) => {
    controller.refusal = { 'Tacet-Protocols': theirs };
    const agent = await startGuestAgent(controller, undo);
    const identity = () => agent.status().conditions.find(({ type }) => type === 'IdentityVerified');
    await expect.poll(() => identity()?.reason, { timeout: 15_000 }).toBe('Refused');
    expect(identity()?.message).toContain(`the agent tacet.v1. ${says}`);
  });

  it('goes on with a controller of a later minor version, and answers what it is asked', async () => {
    await startGuestAgent(controller, undo);
    const session = await controller.nextSession();
    await session.frame('hello');
    const sendLater = (frame: object): void => session.socket.send(JSON.stringify(withLaterFields(frame)));
    sendLater({ kind: 'later-frame' });
    sendLater({
      kind: 'welcome',
      sessionId: 's',
      identity: { kind: 'guest', vmid: 101 },
      heartbeatMs: 50,
      ttlMs: 5_000,
      serverTime: 1,
    });
    const { sequence } = await session.frame('heartbeat');
    sendLater({ kind: 'heartbeat-ack', sequence, ttlMs: 5_000 });
    sendLater({ kind: 'request', id: 1, method: 'later-request', params: {} });
    expect(await session.frame('error', ({ id }) => id === 1)).toMatchObject({
      error: { code: 'invalid-input', hint: expect.stringContaining('update the older one') },
    });
    const operationId = 'op-1';
    const requests: [RequestMethod, object][] = [
      ['prepare', { operationId, deadlineMs: 5_000 }],
      ['hold', { operationId, leaseMs: 5_000, deadlineMs: 5_000 }],
      ['renew', { operationId, leaseMs: 5_000 }],
      ['thaw', { operationId }],
      ['plan', {}],
    ];
    for (const [index, [method, params]] of requests.entries()) {
      const id = index + 2;
      sendLater({ kind: 'request', id, method, params });
      await session.frame('result', (frame) => frame.id === id);
    }
  });
});
