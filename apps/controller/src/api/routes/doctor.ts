import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { doctorReportSchema, startDoctorSchema } from '@tacet/protocol';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

const examine = createRoute({
  method: 'post',
  path: '/api/v1/doctor',
  summary: 'Look for what would make a backup or a restore fail, or worth less; changes nothing',
  security: needs('operator'),
  request: { body: body(startDoctorSchema) },
  responses: { 200: answers('What was found', doctorReportSchema), ...problems },
});

const last = createRoute({
  method: 'get',
  path: '/api/v1/doctor',
  summary: 'The report of the last examination',
  security: needs('viewer'),
  responses: { 200: answers('What was found then', doctorReportSchema), ...problems },
});

export function doctorRoutes(app: OpenAPIHono, { doctor, signal }: ApiDeps): void {
  app.openapi(examine, async (c) => {
    const { vmids } = c.req.valid('json');
    return c.json(await doctor.examine(vmids, AbortSignal.any([signal, c.req.raw.signal])), 200);
  });

  app.openapi(last, async (c) => {
    const report = await doctor.last();
    if (report !== undefined) return c.json(report, 200);
    throw new Failure('not-found', 'nothing has been examined yet', { hint: 'Run: tacet doctor' });
  });
}
