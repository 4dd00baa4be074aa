import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { enrolmentSchema, type Guest, guestListSchema, guestSchema } from '@tacet/protocol';
import { Failure } from '../../failure.ts';
import { guestView } from '../../gateway/guest-view.ts';
import type { StoredGuest } from '../../store/guests.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, problems, vmidPath } from '../describe.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/guests',
  summary: 'Every guest that this controller knows, quarantined copies included',
  responses: { 200: answers('All guests', guestListSchema), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/api/v1/guests/{vmid}',
  summary: 'One guest with its conditions and services',
  request: { params: vmidPath },
  responses: { 200: answers('The guest', guestSchema), ...problems },
});

const invite = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/enrolments',
  summary: 'A one-time token with which this guest becomes known',
  request: { params: vmidPath },
  responses: { 201: answers('The token, and the command to paste', enrolmentSchema), ...problems },
});

export function guestRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { store, roster, enrolment, simulation } = deps;

  const view = async (stored: StoredGuest): Promise<Guest> => {
    const isBearer = stored.identity === 'enrolled' && stored.vmid !== null;
    const [lastBackup] = isBearer ? await store.backups.list(stored.vmid ?? undefined, 1) : [];
    const simulated = simulation.isSimulated(stored.vmid);
    return guestView(stored, roster.get(stored.id), lastBackup ?? null, simulated);
  };

  app.openapi(list, async (c) => {
    const guests = await Promise.all((await store.guests.list()).map(view));
    return c.json({ guests }, 200);
  });

  app.openapi(one, async (c) => {
    const { vmid } = c.req.valid('param');
    const bearers = (await store.guests.list()).filter((guest) => guest.vmid === vmid);
    const guest = bearers.find(({ identity }) => identity === 'enrolled') ?? bearers[0];
    if (guest === undefined) {
      throw new Failure('not-found', `no agent of guest ${vmid} is known here`, {
        hint: `Enrol it: tacet enrol ${vmid}`,
      });
    }
    return c.json(await view(guest), 200);
  });

  app.openapi(invite, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json(await enrolment.invite(vmid), 201);
  });
}
