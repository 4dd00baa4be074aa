import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findingIdSchema } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { checks } from './checks.ts';

const known = findingIdSchema.options.toSorted();

describe('the findings', () => {
  it('are each made by one check', () => {
    expect(checks.flatMap(({ finds }) => finds).toSorted()).toEqual(known);
  });

  it('are all explained in the guide, and no others', async () => {
    const guide = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'guides', 'doctor.md');
    const text = await readFile(guide, 'utf8');
    const explained = [...text.matchAll(/^### `([^`]+)`$/gm)].map(([, id]) => id ?? '');
    expect(new Set(explained)).toEqual(new Set(known));
    expect(explained).toHaveLength(known.length);
  });
});
