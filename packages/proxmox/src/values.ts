import * as z from 'zod';

// Perl does not tell numbers from strings: what is 100 in one answer is "100" in the next.

export const numeric = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(?:\.\d+)?$/)
    .transform(Number),
]);

export const vmid = numeric.pipe(z.int().min(100).max(999_999_999));

export const flag = z.union([
  z.boolean(),
  z.union([z.literal(1), z.literal('1')]).transform(() => true),
  z.union([z.literal(0), z.literal('0'), z.literal('')]).transform(() => false),
]);

/** `images,backup,rootdir`, in whatever order */
export const commaList = z.string().transform((text) => text.split(',').filter((item) => item !== ''));

/** Unix seconds, as milliseconds. */
export const epochSeconds = numeric.transform((seconds) => seconds * 1_000);

/** The answer to a change that returns nothing. */
export const nothing = z.null().transform(() => undefined);
