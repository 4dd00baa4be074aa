import { encodeEnrolmentToken, enrolRequestSchema } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enrol } from './enroll.ts';
import { type FakeController, fakeController } from './fake-controller.ts';

let controller: FakeController;
beforeEach(async () => {
  controller = await fakeController();
});
afterEach(() => controller[Symbol.asyncDispose]());

const secret = 'a-one-time-secret-of-thirty-two-and-more';
const guest = {
  agentVersion: '0.1.0',
  incarnation: { vmid: 101, macs: ['bc:24:11:aa:bb:01'], machineId: 'm', hostname: 'h' },
};
const soon = () => AbortSignal.timeout(5_000);
const token = (fingerprint = controller.fingerprint) =>
  encodeEnrolmentToken({ url: controller.url, fingerprint, secret });

describe('an enrolment', () => {
  it('trades the token for a credential', async () => {
    let received = '';
    controller.onRequest = (request, response) => {
      request.setEncoding('utf8').on('data', (part: string) => (received += part));
      request.on('end', () => {
        expect(`${request.method} ${request.url}`).toBe('POST /api/v1/agents/enroll');
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ vmid: 101, credential: 'the-credential' }));
      });
    };
    expect(await enrol(token(), guest, soon())).toEqual({
      version: 1,
      controllerUrl: controller.url,
      fingerprint: controller.fingerprint,
      credential: 'the-credential',
      vmid: 101,
    });
    expect(enrolRequestSchema.parse(JSON.parse(received))).toEqual({ secret, ...guest });
  });

  it('does not send the secret to anybody but the controller of the token', async () => {
    const other = Array.from({ length: 32 }, () => 'AA').join(':');
    await expect(enrol(token(other), guest, soon())).rejects.toMatchObject({ code: 'unauthorized' });
    expect(controller.seen.receivedBytes).toBe(0);
  });

  it('passes on why the controller refuses, and what to do', async () => {
    controller.onRequest = (_request, response) => {
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end(
        JSON.stringify({
          type: 'about:blank',
          title: 'Unauthorized',
          status: 401,
          detail: 'the token has been used',
          code: 'unauthorized',
        }),
      );
    };
    await expect(enrol(token(), guest, soon())).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'the controller refused the enrolment: the token has been used',
      hint: expect.stringContaining('new one'),
    });
  });

  it.each([
    ['a token that was cut off', () => token().slice(0, -20), 'the enrolment token cannot be used'],
    ['something else', () => 'hello', 'the enrolment token cannot be used'],
  ])('does not begin with %s', async (_what, text, message) => {
    await expect(enrol(text(), guest, soon())).rejects.toMatchObject({ code: 'invalid-input', message });
    expect(controller.seen.connections).toBe(0);
  });

  it.each([
    ['nonsense', 200, '<html>', 'did not answer as a controller does'],
    ['an error that is no controller’s', 502, 'Bad Gateway', 'answered 502'],
  ])('says so when the answer is %s', async (_what, status, text, message) => {
    controller.onRequest = (_request, response) => void response.writeHead(status).end(text);
    await expect(enrol(token(), guest, soon())).rejects.toThrow(message);
  });
});
