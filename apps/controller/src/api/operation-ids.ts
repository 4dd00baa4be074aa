/**
 * What clients that are generated from the description call each route. Once released a name stays, also when its path
 * does not.
 */
const operationIds: Readonly<Record<string, string>> = {
  'GET /healthz': 'getHealth',
  'GET /readyz': 'getReadiness',
  'GET /metrics': 'getMetrics',
  'GET /api/v1/openapi.json': 'getDescription',
  'GET /api/v1/docs': 'getDescriptionPage',
  'GET /api/v1/version': 'getVersion',

  'GET /api/v1/guests': 'listGuests',
  'GET /api/v1/guests/{vmid}': 'getGuest',
  'POST /api/v1/guests/{vmid}/enrolments': 'inviteGuest',
  'POST /api/v1/agents/enroll': 'enrolAgent',
  'POST /api/v1/guests/{id}/adoption': 'adoptCopy',
  'POST /api/v1/guests/{id}/dismissal': 'dismissCopy',

  'POST /api/v1/guests/{vmid}/backups': 'startBackup',
  'POST /api/v1/guests/{vmid}/restores': 'startRestore',
  'POST /api/v1/guests/{vmid}/drills': 'startDrill',
  'POST /api/v1/guests/{vmid}/rehearsals': 'startRehearsal',
  'POST /api/v1/guests/{vmid}/snapshots': 'startSnapshot',
  'POST /api/v1/guests/{vmid}/rollbacks': 'startRollback',
  'POST /api/v1/guests/{vmid}/thaw': 'thawGuest',
  'GET /api/v1/guests/{vmid}/snapshots': 'listSnapshots',
  'GET /api/v1/backups': 'listBackups',
  'GET /api/v1/operations': 'listOperations',
  'GET /api/v1/operations/{id}': 'getOperation',
  'POST /api/v1/operations/{id}/cancellation': 'cancelOperation',
  'GET /api/v1/events': 'listEvents',
  'GET /api/v1/events/stream': 'streamEvents',

  'GET /api/v1/schedules': 'listSchedules',
  'GET /api/v1/schedules/{name}': 'getSchedule',
  'PUT /api/v1/schedules/{name}': 'putSchedule',
  'DELETE /api/v1/schedules/{name}': 'deleteSchedule',
  'GET /api/v1/schedules/{name}/preview': 'previewSchedule',
  'GET /api/v1/schedules/{name}/runs': 'listScheduleRuns',
  'POST /api/v1/schedules/{name}/runs': 'runSchedule',

  'GET /api/v1/notifications': 'listChannels',
  'GET /api/v1/notifications/{name}': 'getChannel',
  'PUT /api/v1/notifications/{name}': 'putChannel',
  'DELETE /api/v1/notifications/{name}': 'deleteChannel',
  'POST /api/v1/notifications/{name}/test': 'testChannel',
  'GET /api/v1/notifications/{name}/deliveries': 'listDeliveries',

  'POST /api/v1/doctor': 'runDoctor',
  'GET /api/v1/doctor': 'getDoctorReport',
  'GET /api/v1/nodes': 'listNodes',
  'GET /api/v1/settings': 'listSettings',
  'GET /api/v1/audit': 'listAuditEntries',

  'GET /api/v1/setup': 'getSetup',
  'POST /api/v1/setup': 'createFirstAccount',
  'GET /api/v1/session': 'getLogin',
  'POST /api/v1/session': 'signIn',
  'DELETE /api/v1/session': 'signOut',
  'PUT /api/v1/session/password': 'changeOwnPassword',
  'GET /api/v1/session/oidc': 'beginProviderSignIn',
  'GET /api/v1/session/oidc/callback': 'finishProviderSignIn',
  'GET /api/v1/accounts': 'listAccounts',
  'POST /api/v1/accounts': 'createAccount',
  'PATCH /api/v1/accounts/{name}': 'updateAccount',
  'DELETE /api/v1/accounts/{name}': 'deleteAccount',
  'GET /api/v1/tokens': 'listTokens',
  'POST /api/v1/tokens': 'createToken',
  'DELETE /api/v1/tokens/{name}': 'deleteToken',
};

/** Of the `paths` of a description, with the name of each operation. One without a name fails the tests. */
export function withOperationIds(
  paths: Readonly<Record<string, object>>,
): Record<string, Record<string, object>> {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]: [string, object]) => {
          const operationId = operationIds[`${method.toUpperCase()} ${path}`];
          return [method, { ...(operationId !== undefined && { operationId }), ...operation }];
        }),
      ),
    ]),
  );
}
