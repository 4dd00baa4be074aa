import { z } from 'zod';
import { errorCodeSchema } from './error-codes.ts';

/** What an HTTP request is refused with: RFC 9457, with a stable code and a hint. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: errorCodeSchema,
  hint: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;
