import { TacetError } from '@tacet/runtime';
import type * as z from 'zod';

/** Says only where and what: the value itself may be the secret. */
export function badConnection(error: z.ZodError, where?: string): TacetError {
  const issues = error.issues.map((issue) => {
    const path = [...(where === undefined ? [] : [where]), ...issue.path].join('.');
    return `${path}: ${issue.message}`;
  });
  return new TacetError(`not a usable connection: ${issues.join('; ')}`, { code: 'pve-bad-connection' });
}
