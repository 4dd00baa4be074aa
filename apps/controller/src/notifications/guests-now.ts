import { compileSchedule, ScheduleError, selectGuests, type SelectableGuest } from '@tacet/core';
import type { Logger } from '@tacet/runtime';
import { conditionsOf, type Roster } from '../gateway/roster.ts';
import type { Store } from '../store/open-store.ts';
import type { Age, Covering } from './rules/backup-overdue.ts';
import type { Readiness } from './rules/guest-not-ready.ts';

interface GuestsNowOptions {
  readonly store: Pick<Store, 'notificationNews' | 'knownGuests' | 'schedules'>;
  readonly roster: Roster;
  readonly isBusy: (vmid: number) => boolean;
  readonly log: Logger;
}

/** How every enrolled guest is: ready or not, and how old its newest backup. */
export async function guestsNow(options: GuestsNowOptions): Promise<(Readiness & Age)[]> {
  const { store, roster, isBusy } = options;
  const known = await store.notificationNews.knownSince();
  const newest = await store.notificationNews.newestBackups();
  const schedules = await coveringOf(options, [...known.keys()]);
  const live = new Map(
    roster
      .all()
      .flatMap((guest) =>
        guest.identity === 'enrolled' && guest.vmid !== null ? [[guest.vmid, guest]] : [],
      ),
  );
  return [...known].map(([vmid, knownSince]) => {
    const guest = live.get(vmid);
    const conditions =
      guest === undefined ? [] : conditionsOf(guest.status, guest.session !== null, guest.lastSeenAt);
    const ready = conditions.find(({ type }) => type === 'Ready');
    return {
      vmid,
      knownSince,
      isReady: ready?.status === 'True',
      message: ready?.message ?? 'no agent of it has called since this controller was started',
      newestAt: newest.get(vmid),
      covering: schedules.get(vmid) ?? [],
      isBusy: isBusy(vmid),
    };
  });
}

/** By VMID: the schedules that are enabled, back up, and select it, by what nodes last showed of the guests. */
async function coveringOf(
  { store, log }: GuestsNowOptions,
  vmids: readonly number[],
): Promise<Map<number, Covering[]>> {
  const stored = await store.schedules.list((name, error) =>
    log.debug('a schedule cannot be read', { schedule: name, error }),
  );
  const shown = [...(await store.knownGuests.list()).values()].flat();
  const seen = new Map<number, SelectableGuest>(shown.map((guest) => [guest.vmid, guest]));
  // One that no node has shown yet can be named by its VMID all the same.
  const guests = vmids.map((vmid) => seen.get(vmid) ?? { vmid, name: undefined, tags: [], pool: undefined });
  const covering = new Map<number, Covering[]>();
  for (const { schedule, changedAt } of stored) {
    if (!schedule.enabled || schedule.action !== 'backup') continue;
    let compiled: Covering['compiled'];
    try {
      compiled = compileSchedule(schedule);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      continue; // it does not run either, which is told where schedules are read
    }
    for (const { vmid } of selectGuests(schedule.guests, guests).selected) {
      covering.set(vmid, [...(covering.get(vmid) ?? []), { compiled, changedAt }]);
    }
  }
  return covering;
}
