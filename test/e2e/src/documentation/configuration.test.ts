import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentConfigSchema } from '@tacet/agent';
import { controllerConfigSchema } from '@tacet/controller';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const page = readFileSync(
  join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'reference', 'configuration.md'),
  'utf8',
);

type Schema = z.core.JSONSchema.BaseSchema;

/** Key to what it is when left out: JSON, `required`, or `–`. */
type Keys = Readonly<Record<string, string>>;

function keysOf(schema: Schema, path: string, whenLeftOut: string): Keys {
  const { properties, required = [], items, anyOf, oneOf } = schema;
  const ways = (anyOf ?? oneOf)?.filter(
    (way): way is Schema => typeof way === 'object' && 'properties' in way,
  );
  if (properties !== undefined) {
    const each = Object.entries(properties).map(([name, value]) => {
      if (typeof value !== 'object') throw new Error(`${path}${name} is anything at all`);
      const left = required.includes(name) ? 'required' : '–';
      return keysOf(value, path === '' ? name : `${path}.${name}`, left);
    });
    return Object.assign({}, ...each);
  }
  if (ways !== undefined && ways.length > 0) {
    const each = ways.map((way) => keysOf({ ...way, required: [] }, path, whenLeftOut));
    return Object.assign({}, ...each);
  }
  if (typeof items === 'object' && 'properties' in items) return keysOf(items, `${path}[]`, whenLeftOut);
  return { [path]: schema.default === undefined ? whenLeftOut : JSON.stringify(schema.default) };
}

/** The tables of one chapter. */
function documented(chapter: string): Keys {
  const text = page.split(/^## /m).find((one) => one.startsWith(`${chapter}\n`)) ?? '';
  const rows = [...text.matchAll(/^\| `([^`]+)` +\| (?:`([^`]+)`|(required|–)) +\| \S.* \|$/gm)];
  return Object.fromEntries(rows.map(([, key, value, word]) => [key ?? '', value ?? word ?? '']));
}

describe('docs/reference/configuration.md', () => {
  it.each([
    ['The controller', controllerConfigSchema],
    ['The agent', agentConfigSchema],
  ])('%s: has every key with its default, and no other', (chapter, schema) => {
    const inSchema = keysOf(z.toJSONSchema(schema, { io: 'input' }), '', 'required');
    expect(Object.keys(inSchema).length).toBeGreaterThan(5);
    expect(documented(chapter)).toEqual(inSchema);
  });
});
