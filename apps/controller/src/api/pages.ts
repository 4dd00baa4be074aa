import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Position } from '../store/position.ts';

/** For the query of a list: how many, and from where on. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  /** `next` of the page before; the newest when left out. */
  cursor: z.string().max(200).optional(),
};

const positionSchema = z.tuple([z.number().int(), z.string()]);

/** @throws Failure `invalid-input` for what is no cursor of ours */
export function readCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [at, id] = positionSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { at, id };
  } catch (cause) {
    throw new Failure('invalid-input', 'this cursor is none', {
      hint: 'Pass on `next` of the page before as it is, or leave it out.',
      cause,
    });
  }
}

/** Null at the end: a page that is not full is the last. */
export function nextCursor<Entry>(
  page: readonly Entry[],
  limit: number,
  positionOf: (last: Entry) => Position,
): string | null {
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return null;
  const { at, id } = positionOf(last);
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}
