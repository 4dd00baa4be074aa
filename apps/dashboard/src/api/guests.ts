import { type Guest, guestSchema } from '@tacet/protocol';
import { z } from 'zod';
import { unreadable } from './problem.ts';
import { get } from './request.ts';

const rawListSchema = z.object({ guests: z.array(z.unknown()) });
const sliceSchema = z.array(guestSchema);
const slice = 100;

/** Every guest. Two thousand are parsed piece by piece, so that the page answers in between. @throws ApiProblem */
export async function getGuests(signal: AbortSignal): Promise<Guest[]> {
  const { guests } = await get(rawListSchema, '/guests', signal);
  const parsed: Guest[] = [];
  for (let from = 0; from < guests.length; from += slice) {
    if (from > 0) await breathe();
    signal.throwIfAborted();
    const result = sliceSchema.safeParse(guests.slice(from, from + slice));
    if (!result.success) throw unreadable(200, result.error);
    parsed.push(...result.data);
  }
  return parsed;
}

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}
