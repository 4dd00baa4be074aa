import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  type Backup,
  type BackupReady,
  enrolmentSchema,
  type Guest,
  type GuestSchedule,
  guestListSchema,
  guestSchema,
} from '@tacet/protocol';
import { Failure } from '../../failure.ts';
import { guestView } from '../../gateway/guest-view.ts';
import type { KnownGuest } from '../../store/known-guests.ts';
import type { StoredGuest } from '../../store/guests.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, problems, vmidPath } from '../describe.ts';
import { needs } from '../security.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/guests',
  summary: 'Every guest that this controller knows, quarantined copies included',
  security: needs('viewer'),
  responses: { 200: answers('All guests', guestListSchema), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/api/v1/guests/{vmid}',
  summary: 'One guest with its conditions and services',
  security: needs('viewer'),
  request: { params: vmidPath },
  responses: { 200: answers('The guest', guestSchema), ...problems },
});

const invite = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/enrolments',
  summary: 'A one-time token with which this guest becomes known',
  security: needs('operator'),
  request: { params: vmidPath },
  responses: { 201: answers('The token, and the command to paste', enrolmentSchema), ...problems },
});

export function guestRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { store, roster, enrolment, doctor, simulation } = deps;

  /** What is known of VMIDs; only the guest that bears one by right is told it. */
  interface Known {
    readonly ready: ReadonlyMap<number, BackupReady>;
    readonly newest: ReadonlyMap<number, Backup>;
    readonly schedules: ReadonlyMap<number, GuestSchedule[]>;
  }
  const view = (stored: StoredGuest, { ready, newest, schedules }: Known): Guest => {
    const vmid = stored.identity === 'enrolled' ? (stored.vmid ?? 0) : 0;
    const simulated = simulation.isSimulated(stored.vmid);
    const shown = guestView(stored, roster.get(stored.id), newest.get(vmid) ?? null, simulated);
    const backupReady = ready.get(vmid);
    return {
      ...shown,
      ...(backupReady !== undefined && { backupReady }),
      ...(vmid !== 0 && whereabouts(deps.schedules.place(vmid))),
      ...(vmid !== 0 && { schedules: schedules.get(vmid) ?? [] }),
    };
  };

  app.openapi(list, async (c) => {
    const known = {
      ready: await doctor.backupReady(),
      newest: await store.backups.newestOfEach(),
      schedules: await deps.schedules.ofGuests(),
    };
    const guests = (await store.guests.list()).map((stored) => view(stored, known));
    return c.json({ guests }, 200);
  });

  app.openapi(one, async (c) => {
    const { vmid } = c.req.valid('param');
    const guest = await store.guests.bearer(vmid);
    if (guest === undefined) {
      throw new Failure('not-found', `no agent of guest ${vmid} is known here`, {
        hint: `Enrol it: tacet enrol ${vmid}`,
      });
    }
    const newest = new Map((await store.backups.list(vmid, 1)).map((backup) => [vmid, backup]));
    const schedules = await deps.schedules.ofGuests();
    return c.json(view(guest, { ready: await doctor.backupReady(), newest, schedules }), 200);
  });

  app.openapi(invite, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json(await enrolment.invite(vmid), 201);
  });
}

function whereabouts(known: KnownGuest | undefined): Pick<Guest, 'place'> {
  if (known === undefined) return {};
  const { node, name = null, tags, pool = null } = known;
  return { place: { node, name, tags: [...tags], pool } };
}
