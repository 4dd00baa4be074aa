import {
  accountListSchema,
  apiTokenListSchema,
  auditListSchema,
  backupListSchema,
  doctorReportSchema,
  eventListSchema,
  guestSnapshotListSchema,
  scheduleListSchema,
  scheduleRunListSchema,
  guestSchema,
  loginSchema,
  nodeListSchema,
  operationListSchema,
  operationSchema,
  settingListSchema,
  setupStateSchema,
  versionInfoSchema,
} from '@tacet/protocol';
import { queryOptions } from '@tanstack/react-query';
import { ApiProblem, isLoggedOut } from './problem.ts';
import { getGuests } from './guests.ts';
import { get } from './request.ts';

/** How many events a page keeps. */
export const eventsKept = 500;
const historyKept = 60;

/** Null while nobody is logged in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    try {
      return await get(loginSchema, '/session', signal);
    } catch (error) {
      if (isLoggedOut(error)) return null;
      throw error;
    }
  },
  staleTime: Infinity,
});

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => get(setupStateSchema, '/setup', signal),
});

export const versionQuery = queryOptions({
  queryKey: ['version'],
  queryFn: ({ signal }) => get(versionInfoSchema, '/version', signal),
  staleTime: Infinity,
});

export const guestsQuery = queryOptions({
  queryKey: ['guests'],
  queryFn: ({ signal }) => getGuests(signal),
});

export const guestQuery = (vmid: number) =>
  queryOptions({
    queryKey: ['guest', vmid],
    queryFn: ({ signal }) => get(guestSchema, `/guests/${vmid}`, signal),
  });

export const operationsQuery = queryOptions({
  queryKey: ['operations'],
  queryFn: async ({ signal }) => (await get(operationListSchema, '/operations?limit=200', signal)).operations,
});

export const operationQuery = (id: string) =>
  queryOptions({
    queryKey: ['operation', id],
    queryFn: ({ signal }) => get(operationSchema, `/operations/${encodeURIComponent(id)}`, signal),
  });

export const backupsQuery = (vmid: number) =>
  queryOptions({
    queryKey: ['backups', vmid],
    queryFn: async ({ signal }) =>
      (await get(backupListSchema, `/backups?vmid=${vmid}&limit=${historyKept}`, signal)).backups,
  });

/** The newest ones, oldest first; the stream adds to them. */
export const eventsQuery = queryOptions({
  queryKey: ['events'],
  queryFn: async ({ signal }) => (await get(eventListSchema, `/events?limit=${eventsKept}`, signal)).events,
});

/** Null while nothing has been examined. */
export const doctorQuery = queryOptions({
  queryKey: ['doctor'],
  queryFn: async ({ signal }) => {
    try {
      return await get(doctorReportSchema, '/doctor', signal);
    } catch (error) {
      if (error instanceof ApiProblem && error.code === 'not-found') return null;
      throw error;
    }
  },
});

export const accountsQuery = queryOptions({
  queryKey: ['accounts'],
  queryFn: async ({ signal }) => (await get(accountListSchema, '/accounts', signal)).accounts,
});

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: async ({ signal }) => (await get(apiTokenListSchema, '/tokens', signal)).tokens,
});

export const auditQuery = queryOptions({
  queryKey: ['audit'],
  queryFn: async ({ signal }) => (await get(auditListSchema, '/audit?limit=100', signal)).entries,
});

export const nodesQuery = queryOptions({
  queryKey: ['nodes'],
  queryFn: async ({ signal }) => (await get(nodeListSchema, '/nodes', signal)).nodes,
});

export const settingsQuery = queryOptions({
  queryKey: ['settings'],
  queryFn: async ({ signal }) => (await get(settingListSchema, '/settings', signal)).settings,
});

export const schedulesQuery = queryOptions({
  queryKey: ['schedules'],
  queryFn: async ({ signal }) => (await get(scheduleListSchema, '/schedules', signal)).schedules,
});

export const scheduleRunsQuery = (name: string) =>
  queryOptions({
    queryKey: ['schedule-runs', name],
    queryFn: async ({ signal }) =>
      (await get(scheduleRunListSchema, `/schedules/${name}/runs?limit=10`, signal)).runs,
  });

export const snapshotsQuery = (vmid: number) =>
  queryOptions({
    queryKey: ['snapshots', vmid],
    queryFn: async ({ signal }) =>
      (await get(guestSnapshotListSchema, `/guests/${vmid}/snapshots`, signal)).snapshots,
  });
