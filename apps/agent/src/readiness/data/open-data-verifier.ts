import type { Clock, Logger } from '@tacet/runtime';
import type { Engine } from '../../engine/engine.ts';
import type { GuestHost } from '../../guest/guest.ts';
import type { FoundOnStart } from '../../heal/heal-decision.ts';
import type { Recovery } from '../../quiesce/recovery.ts';
import { DataChecksFile } from './data-checks-file.ts';
import { DataVerifier } from './data-verifier.ts';

export interface DataVerifierParts {
  engine: Engine;
  guestHost: GuestHost;
  /** The journal's. */
  folder: string;
  found: Pick<FoundOnStart, 'manifest' | 'bootId' | 'incarnation'>;
  recovery: Recovery;
  clock: Clock;
  log: Logger;
}

/** At the agent's start, from what was found on the disk; written down when this resolves. */
export async function openDataVerifier(parts: DataVerifierParts): Promise<DataVerifier> {
  const { engine, guestHost, folder, found, recovery, clock, log } = parts;
  const { freezer, processes } = guestHost;
  const file = new DataChecksFile(folder, { log, clock });
  const { manifest, bootId, incarnation } = found;
  const verifier = new DataVerifier(
    { ports: { engine, freezer, processes, clock, logger: log }, file, clock, log },
    { manifest, record: await file.read(), bootId, vmid: incarnation.vmid, recovery },
  );
  await verifier.arm();
  return verifier;
}
