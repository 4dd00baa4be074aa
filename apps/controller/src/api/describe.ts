import { problemSchema, vmidSchema } from '@tacet/protocol';
import { z } from 'zod';

/** A JSON answer of a route, for its OpenAPI entry. */
export function answers<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

/** A JSON body that must be there. */
export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** What every route may answer instead. */
export const problems = {
  default: {
    description: 'Refused: the code is stable, the hint says what to do.',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
};

export const vmidParam = z.coerce.number().pipe(vmidSchema);
export const vmidPath = z.object({ vmid: vmidParam });
