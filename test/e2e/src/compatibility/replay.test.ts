import { ApiClient, FakeAgent } from '@tacet/controller/testing';
import { type FakeController, fakeController } from '@tacet/agent/src/session/fake-controller.ts';
import {
  agentFrameSchema,
  decodeEnrolmentToken,
  enrolmentSchema,
  enrolResponseSchema,
  incarnationSchema,
  type Operation,
  operationSchema,
  type RequestMethod,
} from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../house.ts';
import { startGuestAgent } from './guest-agent.ts';
import { exchanges, framesFrom, type RecordedFrame, recordedSessions } from './recorded-session.ts';
import { recordedReleases } from './releases.ts';

const versions = await recordedReleases();

let undo: Undo;
beforeEach(() => {
  undo = new Undo();
  return () => undo[Symbol.asyncDispose]();
});

async function sessionOf(version: string, name: string): Promise<RecordedFrame[]> {
  const session = (await recordedSessions(version)).get(name);
  if (session === undefined) throw new Error(`${version} has no session ${name}`);
  return session;
}

/** Plays the agent of a recorded session to a controller; what it is asked, it answers as it did then. */
async function playAgent(
  session: RecordedFrame[],
  { controller }: House,
  credential: string,
): Promise<FakeAgent> {
  const [hello, ...frames] = framesFrom('agent', session);
  const answers = exchanges(session);
  const agent = await FakeAgent.connect({
    url: controller.agentUrl,
    fingerprint: controller.fingerprint,
    credential,
    incarnation: incarnationSchema.parse(hello?.['incarnation']),
    alsoInHello: { ...hello, credential },
    answer: async (method: RequestMethod) => {
      const found = answers.find(({ request }) => request.method === method)?.answer;
      if (found?.kind !== 'result') throw new Error(`this agent was never asked to ${method}`);
      return found['result'];
    },
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  await agent.next('welcome');
  const told = frames.filter(({ kind }) => ['status', 'event', 'heartbeat'].includes(kind));
  for (const frame of told) agent.sendRaw(JSON.stringify(frame));
  return agent;
}

async function ended({ api, log }: House, { id }: Operation): Promise<Operation> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error(`the operation did not end:\n${log.join('')}`);
}

describe.each(versions)('an agent of %s', (version) => {
  it('is enrolled, backed up with proof and restored by today’s controller', async () => {
    const house = await openHouse(undo);
    const { api } = house;
    const session = await sessionOf(version, 'backed-up');
    const { token } = await api.expect(enrolmentSchema, 'POST', '/api/v1/guests/101/enrolments');
    const { url, secret } = decodeEnrolmentToken(token);
    const [hello] = framesFrom('agent', session);
    const { credential } = await new ApiClient(url).expect(
      enrolResponseSchema,
      'POST',
      '/api/v1/agents/enroll',
      { secret, agentVersion: version, incarnation: hello?.['incarnation'] },
    );
    const agent = await playAgent(session, house, credential);
    const backup = await api.expect(operationSchema, 'POST', '/api/v1/guests/101/backups', {});
    expect(await ended(house, backup)).toMatchObject({
      state: 'succeeded',
      backup: { verdict: { consistency: 'app', reason: 'HoldSpansSnapshot' } },
    });
    expect(agent.isOpen).toBe(true);

    const restore = await api.expect(operationSchema, 'POST', '/api/v1/guests/101/restores', { to: 201 });
    const copy = await playAgent(await sessionOf(version, 'adopted'), house, credential);
    expect(await copy.next('welcome')).toMatchObject({ identity: { kind: 'adopted', vmid: 201 } });
    expect(await ended(house, restore)).toMatchObject({ state: 'succeeded', restoredTo: 201 });
  });
});

describe.each(versions)('a controller of %s', (version) => {
  let controller: FakeController;
  beforeEach(async () => {
    controller = await fakeController();
    undo.defer(() => controller[Symbol.asyncDispose]());
  });

  it.each(['backed-up', 'adopted'])(
    'asks today’s agent, and gets the answers that it got: %s',
    async (name) => {
      const recorded = await sessionOf(version, name);
      await startGuestAgent(controller, undo);
      const session = await controller.nextSession();
      await session.frame('hello');
      const answers = exchanges(recorded);
      for (const frame of framesFrom('controller', recorded)) {
        session.socket.send(JSON.stringify(frame));
        if (frame.kind !== 'request') continue;
        const answer = answers.find(({ request }) => request.id === frame['id'])?.answer;
        const got = await Promise.race([
          session.frame('result', ({ id }) => id === frame['id']),
          session.frame('error', ({ id }) => id === frame['id']),
        ]);
        expect(got).toEqual(expect.objectContaining({ kind: answer?.kind, id: answer?.['id'] }));
        // Whatever that controller has read in an answer is still in it.
        expect(shapeOf(agentFrameSchema.parse(got))).toEqual(expect.arrayContaining(shapeOf(answer)));
      }
      const methods = answers.map(({ request }) => request.method);
      expect(methods.slice(0, 3)).toEqual(name === 'adopted' ? [] : ['prepare', 'hold', 'thaw']);
    },
  );
});

/** The paths of the fields of a JSON value, elements of a list taken together: `result.services[].stack`. */
function shapeOf(json: unknown, path = ''): string[] {
  if (Array.isArray(json)) return [...new Set(json.flatMap((one) => shapeOf(one, `${path}[]`)))];
  if (typeof json !== 'object' || json === null) return [path];
  return Object.entries(json).flatMap(([key, value]) => shapeOf(value, `${path}.${key}`));
}
