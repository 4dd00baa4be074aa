import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { adoptCopySchema, type Guest, guestSchema } from '@tacet/protocol';
import { z } from 'zod';
import { guestView } from '../../gateway/guest-view.ts';
import type { StoredGuest } from '../../store/guests.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

/** A copy that nobody ordered may claim any VMID: it is named by the controller's own id of it. */
const copyPath = z.object({ id: z.string().min(1).max(64) });

const adopt = createRoute({
  method: 'post',
  path: '/api/v1/guests/{id}/adoption',
  summary: 'Make a quarantined copy a guest of its own, with a credential of its own',
  security: needs('operator'),
  request: { params: copyPath, body: body(adoptCopySchema) },
  responses: { 200: answers('The guest that it is now', guestSchema), ...problems },
});

const dismiss = createRoute({
  method: 'post',
  path: '/api/v1/guests/{id}/dismissal',
  summary: 'Turn a quarantined copy away for good',
  security: needs('operator'),
  request: { params: copyPath },
  responses: { 200: answers('What it was', guestSchema), ...problems },
});

export function copyRoutes(app: OpenAPIHono, { copies, roster, simulation }: ApiDeps): void {
  const view = (guest: StoredGuest): Guest =>
    guestView(guest, roster.get(guest.id), null, simulation.isSimulated(guest.vmid));

  app.openapi(adopt, async (c) => {
    const { id } = c.req.valid('param');
    const { vmid, regenerate } = c.req.valid('json');
    return c.json(view(await copies.adopt(id, vmid, regenerate)), 200);
  });

  app.openapi(dismiss, async (c) => c.json(view(await copies.dismiss(c.req.valid('param').id)), 200));
}
