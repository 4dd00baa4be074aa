import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ScheduleInput, scheduleSchema } from './schedules.ts';

const least: ScheduleInput = {
  name: 'nightly',
  guests: { include: { all: true } },
  when: { event: 'mon..fri 22:00', timeZone: 'Europe/Berlin' },
};

/** The paths of what is wrong. */
function refused(input: unknown): string[] {
  const result = scheduleSchema.safeParse(input);
  return result.success ? [] : result.error.issues.map(({ path }) => path.join('.'));
}

describe('a schedule', () => {
  it('needs a name, guests and a time, and says what the rest is', () => {
    expect(scheduleSchema.parse(least)).toEqual({
      name: 'nightly',
      enabled: true,
      action: 'backup',
      guests: { include: { all: true } },
      when: { event: 'mon..fri 22:00', timeZone: 'Europe/Berlin', jitterMs: 0 },
      missed: 'run-once',
      blackouts: [],
      mode: 'snapshot',
      whenNotQuiesced: 'fail-open',
      concurrency: { perNode: 1 },
    });
    expect(refused({})).toEqual(['name', 'guests', 'when']);
  });

  it('refuses what it does not know, at every depth', () => {
    const daily = { kind: 'daily', from: '07:00', to: '19:00' };
    const calendar = { kind: 'calendar', event: 'sat 00:00', durationMs: 1 };
    expect(refused({ ...least, retries: 3 })).toEqual(['']);
    expect(refused({ ...least, when: { ...least.when, jitterSeconds: 3 } })).toEqual(['when']);
    expect(refused({ ...least, guests: { ...least.guests, only: [] } })).toEqual(['guests']);
    expect(refused({ ...least, guests: { include: { all: true, node: ['pve1'] } } })).toEqual([
      'guests.include',
    ]);
    expect(refused({ ...least, guests: { include: { all: true }, exclude: { all: true } } })).toContain(
      'guests.exclude',
    );
    expect(refused({ ...least, blackouts: [{ ...daily, days: 'mon' }] })).toEqual(['blackouts.0']);
    expect(refused({ ...least, blackouts: [{ ...calendar, to: '19:00' }] })).toEqual(['blackouts.0']);
    expect(refused({ ...least, retention: { keepLast: 1, keepForever: 1 } })).toEqual(['retention']);
    expect(refused({ ...least, concurrency: { perCluster: 1 } })).toEqual(['concurrency']);
    expect(refused({ ...least, blackouts: [daily, calendar] })).toEqual([]);
  });

  it.each([
    ['name', { name: 'Nightly backup' }],
    ['name', { name: '../x' }],
    ['guests.include', { guests: { include: {} } }],
    ['guests.include', { guests: { include: { tags: [] } } }],
    ['guests.exclude', { guests: { include: { all: true }, exclude: {} } }],
    ['guests.include.vmids.0', { guests: { include: { vmids: [99] } } }],
    ['when.jitterMs', { when: { ...least.when, jitterMs: -1 } }],
    ['when.jitterMs', { when: { ...least.when, jitterMs: 86_400_001 } }],
    ['when.event', { when: { ...least.when, event: '' } }],
    ['missed', { missed: 'run-all' }],
    ['mode', { mode: 'freeze' }],
    ['whenNotQuiesced', { whenNotQuiesced: 'open' }],
    ['maxHoldMs', { maxHoldMs: 0 }],
    ['blackouts.0', { blackouts: [{ kind: 'daily', from: '07:00', to: '07:00' }] }],
    ['blackouts.0.to', { blackouts: [{ kind: 'daily', from: '07:00', to: '24:00' }] }],
    ['blackouts.0.kind', { blackouts: [{ from: '07:00', to: '19:00' }] }],
    ['blackouts.0.durationMs', { blackouts: [{ kind: 'calendar', event: 'sat', durationMs: 0 }] }],
    ['retention', { retention: {} }],
    ['retention', { retention: { keepAll: true, keepLast: 3 } }],
    ['retention.keepLast', { retention: { keepLast: 0 } }],
    ['concurrency.perNode', { concurrency: { perNode: 0 } }],
    ['concurrency.perStorage', { concurrency: { perStorage: 0 } }],
  ])('is refused at %s: %j', (path, change) => {
    expect(refused({ ...least, ...change })).toContain(path);
  });
});

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  oneOf?: JsonSchema[];
}

/** Every field that has no fields of its own, as `guests.include.vmids` or `blackouts[].from`. */
function leavesOf({ properties, items, oneOf }: JsonSchema, path = ''): string[] {
  if (properties) {
    return Object.entries(properties).flatMap(([name, field]) =>
      leavesOf(field, path === '' ? name : `${path}.${name}`),
    );
  }
  if (items?.properties ?? items?.oneOf) return leavesOf(items ?? {}, `${path}[]`);
  if (oneOf) return [...new Set(oneOf.flatMap((one) => leavesOf(one, path)))];
  return [path];
}

describe('the reference of schedules', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/reference/schedules.md'), 'utf8');

  it('names every field, and none that does not exist', () => {
    const fields = leavesOf(z.toJSONSchema(scheduleSchema, { io: 'input' }) as JsonSchema);
    const rows = [...page.matchAll(/^\| ((?:`[^`]+`(?:, )?)+) +\|/gm)].map((row) => row[1] ?? '');
    const named = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map((field) => field[1]));
    expect(new Set(named)).toEqual(new Set(fields));
    expect(named).toHaveLength(fields.length);
  });

  it('shows schedules that are accepted', () => {
    const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map((block) => JSON.parse(block[1] ?? ''));
    expect(examples.length).toBeGreaterThan(0);
    expect(examples.flatMap(refused)).toEqual([]);
  });
});
