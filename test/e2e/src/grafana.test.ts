import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrolAgent, FakeAgent, fakeIncarnation, FakeQuiesce } from '@tacet/controller/testing';
import { operationSchema } from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { openHouse, originalMac } from './house.ts';

const file = join(import.meta.dirname, '../../../apps/controller/share/grafana/tacet.json');
const panelSchema = z.object({
  id: z.number().int(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  datasource: z.object({ uid: z.string() }).optional(),
  targets: z.array(z.object({ refId: z.string(), expr: z.string() })).default([]),
});
const dashboardSchema = z.object({
  uid: z.literal('tacet'),
  schemaVersion: z.number(),
  panels: z.array(panelSchema),
  templating: z.object({ list: z.array(z.object({ name: z.string() })) }),
});
const { panels, templating } = dashboardSchema.parse(JSON.parse(await readFile(file, 'utf8')));
const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

/** As Grafana does before it asks. */
function filledIn(expr: string): string {
  return expr.replaceAll('$guest', '.+').replaceAll('$__rate_interval', '5m');
}

const isInstalled = spawnSync('promtool', ['--version']).status === 0;
const why = isInstalled ? '' : ' (skipped: prometheus is not installed)';

describe('the Grafana dashboard', () => {
  const undo = new Undo();
  let exposed: string;

  beforeAll(async () => {
    const house = await openHouse(undo);
    const incarnation = fakeIncarnation(101, originalMac);
    const credential = await enrolAgent(house.api, 101, incarnation);
    const quiesce = new FakeQuiesce(systemClock);
    const { agentUrl, fingerprint } = house.controller;
    const answer = quiesce.answer.bind(quiesce);
    const agent = await FakeAgent.connect({ url: agentUrl, fingerprint, credential, incarnation, answer });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    const done = async (path: string): Promise<void> => {
      const { id } = await house.api.expect(operationSchema, 'POST', path, {});
      const see = () => house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
      await vi.waitFor(async () => expect((await see()).state).not.toBe('running'), 30_000);
    };
    await done('/api/v1/guests/101/backups');
    // One that fails: nobody is there to be held.
    quiesce.before = (method) => {
      if (method === 'prepare') throw new Error('not today');
    };
    await done('/api/v1/guests/101/rehearsals');
    await house.api.call('POST', '/api/v1/doctor', {});
    exposed = await house.api.text('/metrics');
  });
  afterAll(() => undo[Symbol.asyncDispose]());

  it('has panels that stand beside each other, each with its own number', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
    const over = panels.flatMap((one) =>
      panels
        .filter((other) => other.id > one.id && overlap(one.gridPos, other.gridPos))
        .map((other) => `${one.title} and ${other.title}`),
    );
    expect(over).toEqual([]);
  });

  it('asks the Prometheus that is chosen, with variables that it declares', () => {
    const asking = panels.filter(({ type }) => type !== 'row');
    expect(asking.filter(({ targets }) => targets.length === 0)).toEqual([]);
    expect(new Set(asking.map(({ datasource }) => datasource?.uid))).toEqual(new Set(['${datasource}']));
    const declared = new Set(['__rate_interval', ...templating.list.map(({ name }) => name)]);
    const used = queries.flatMap(([, expr]) =>
      [...expr.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name ?? ''),
    );
    expect(used.filter((name) => !declared.has(name))).toEqual([]);
  });

  it.each(queries)('%s: asks for nothing that the controller does not tell: %s', (_, expr) => {
    const selectors = [...expr.matchAll(/\b((?:tacet|process)_\w+)(?:\{([^}]*)\})?/g)];
    expect(selectors).not.toEqual([]);
    expect(selectors.flatMap(([, name = '', matchers = '']) => missing(name, matchers, exposed))).toEqual([]);
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) =>
      labels.split(/,\s*/),
    );
    expect(grouped.filter((label) => !exposed.includes(`${label}="`))).toEqual([]);
  });

  it.skipIf(!isInstalled)(`asks in words that Prometheus understands${why}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tacet-grafana-'));
    undo.defer(() => rm(directory, { recursive: true }));
    const rules = queries.map(([, expr], index) => ({ record: `panel_${index}`, expr: filledIn(expr) }));
    const rulesFile = join(directory, 'rules.json');
    // JSON is YAML, too.
    await writeFile(rulesFile, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', rulesFile], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`);
  });
});

/** What of a selector no series has: a label that is misspelt matches nothing, for ever, without a word. */
function missing(name: string, matchers: string, exposed: string): string[] {
  const series = exposed
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  if (series.length === 0) return [name];
  return [...matchers.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)].flatMap(
    ([matcher, label = '', operator, value]) => {
      const wanted = operator === '=' ? `${label}="${value}"` : `${label}="`;
      return series.some((line) => line.includes(wanted)) ? [] : [`${name}: ${matcher}`];
    },
  );
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
