import { guestSchema, type Regenerable, regeneratedOnAdoption } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

export interface AdoptOptions {
  readonly vmid?: number;
  /** What most copies need when undefined. */
  readonly regenerate?: readonly Regenerable[];
}

export async function adoptCopy(id: string, options: AdoptOptions, context: Context): Promise<ExitCode> {
  const path = `/guests/${encodeURIComponent(id)}/adoption`;
  const guest = await context.api.post(guestSchema, path, options, context.signal);
  if (context.json) printJson(context, guest);
  else {
    context.print(`Guest ${guest.vmid} is a guest of its own. It comes back by itself for its credential.`);
    const { regenerate = regeneratedOnAdoption } = options;
    if (regenerate.length > 0)
      context.print(
        `Then it makes anew: ${regenerate.join(', ')}. What came of it: tacet events --vmid ${guest.vmid}`,
      );
  }
  return exitCodes.ok;
}

export async function dismissCopy(id: string, context: Context): Promise<ExitCode> {
  const path = `/guests/${encodeURIComponent(id)}/dismissal`;
  const copy = await context.api.post(guestSchema, path, {}, context.signal);
  if (context.json) printJson(context, copy);
  else
    context.print(`Turned away: ${copy.vmid === null ? 'the copy' : `guest ${copy.vmid}`}. It stays away.`);
  return exitCodes.ok;
}
