import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { guestListSchema, problemSchema, scheduleListSchema, scheduleViewSchema } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { type Document, OpenAPIClientAxios, type OpenAPIClient } from 'openapi-client-axios';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHouse } from './house.ts';

const undo = new Undo();
afterAll(() => undo[Symbol.asyncDispose]());

const nightly = {
  name: 'nightly',
  guests: { include: { vmids: [101] } },
  when: { event: '02:00', timeZone: 'Europe/Berlin' },
};

// What somebody else's program does: it makes its client of the description, and knows nothing besides.
describe('a client that is generated from the description', () => {
  let client: OpenAPIClient;

  beforeAll(async () => {
    const { api, controller } = await openHouse(undo);
    const { token }: { token: string } = JSON.parse(await readFile(controller.clientFile, 'utf8'));
    const definition: Document = JSON.parse(await api.text('/api/v1/openapi.json'));
    const generated = new OpenAPIClientAxios({
      definition,
      axiosConfigDefaults: {
        baseURL: controller.url,
        headers: { authorization: `Bearer ${token}` },
        httpsAgent: new Agent({ rejectUnauthorized: false }),
        validateStatus: () => true,
      },
    });
    client = await generated.init();
  });

  const at = (path: string) => {
    const found = client.paths[path];
    if (found === undefined) throw new Error(`the client has no ${path}`);
    return found;
  };

  it('reads the guests', async () => {
    const { status, data } = (await client['listGuests']?.()) ?? {};
    expect(status).toBe(200);
    expect(guestListSchema.parse(data).guests).toEqual([]);
  });

  it('makes a schedule, finds it, and takes it away', async () => {
    const one = at('/api/v1/schedules/{name}');
    const made = await one.put?.({ name: 'nightly' }, nightly);
    expect(scheduleViewSchema.parse(made?.data).schedule.name).toBe('nightly');
    const list = await at('/api/v1/schedules').get?.();
    expect(scheduleListSchema.parse(list?.data).schedules).toHaveLength(1);
    expect((await one.delete?.({ name: 'nightly' }))?.status).toBe(204);
    const gone = await one.get?.({ name: 'nightly' });
    expect(gone?.status).toBe(404);
    expect(problemSchema.parse(gone?.data)).toMatchObject({ code: 'not-found', hint: expect.any(String) });
  });

  it('is told in the documented shape what is wrong with what it sends', async () => {
    const refused = await at('/api/v1/guests/{vmid}/backups').post?.({ vmid: 101 }, { mode: 'sideways' });
    expect(refused?.status).toBe(400);
    expect(problemSchema.parse(refused?.data).code).toBe('invalid-input');
  });
});
