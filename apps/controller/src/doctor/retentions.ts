import type { Retention } from '@tacet/protocol';
import type { Logger } from '@tacet/runtime';
import type { Store } from '../store/open-store.ts';

/** What schedules tell Proxmox VE to keep. */
export async function retentionsOf({ schedules }: Store, log: Logger): Promise<Retention[]> {
  // Who reads it to follow it says so aloud.
  const stored = await schedules.list((name, error) =>
    log.debug('a schedule cannot be read', { name, error }),
  );
  return stored.flatMap(({ schedule: { retention } }) => retention ?? []);
}
