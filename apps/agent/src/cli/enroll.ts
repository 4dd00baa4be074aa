import { createLogger, jsonSink, systemClock } from '@tacet/runtime';
import { readIncarnation } from '../guest/incarnation.ts';
import { enrol } from '../session/enroll.ts';
import { IdentityStore } from '../session/identity-store.ts';
import { agentVersion } from '../version.ts';
import type { Command } from './command.ts';

const enrolMs = 30_000;

/** A running agent finds the new identity by itself. */
export const enroll: Command = async ({ args, config }) => {
  // The token was on the command line, which everybody in the guest can see: no longer than it takes to get here.
  process.title = 'tacet-agent enroll';
  const { stateDir } = await config();
  const log = createLogger({ sink: jsonSink((line) => process.stderr.write(line)), level: 'error' });
  const store = new IdentityStore(stateDir, { log, clock: systemClock });
  const guest = { agentVersion, incarnation: await readIncarnation() };
  const identity = await enrol(args[0] ?? '', guest, AbortSignal.timeout(enrolMs));
  await store.save(identity);
  process.stdout.write(`This is guest ${identity.vmid} of ${identity.controllerUrl} now.\n`);
  return 0;
};
