import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineContainer } from '@tacet/agent';
import { discover, plannable } from '@tacet/agent/src/discovery/compose.ts';
import { planQuiesce } from '@tacet/core';
import { readLabels } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { workspace } from './blocks.ts';
import { composeFileOf, furtherYamlOf, recipes } from './recipes.ts';

const labelsSchema = z.record(z.string(), z.string());
const composeSchema = z.object({
  name: z.string(),
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      depends_on: z.array(z.string()).default([]),
      labels: labelsSchema.default({}),
    }),
  ),
});
type Compose = z.infer<typeof composeSchema>;

/** What no compose file says, and the agent sees in the running guest: by the applications' documentation. */
const opensSqlite = new Set(['vaultwarden/vaultwarden', 'home-assistant/homeassistant']);

const composeOf = (page: string): Compose => composeSchema.parse(parse(composeFileOf(page)));

const furtherLabels = (page: string): Record<string, string>[] =>
  furtherYamlOf(page).map((text) => z.object({ labels: labelsSchema }).parse(parse(text)).labels);

/** As Docker Compose starts them. */
function containersOf({ name, services }: Compose): EngineContainer[] {
  return Object.entries(services).map(([service, { image, labels, depends_on: dependsOn }], index) => ({
    id: String(index),
    name: `${name}-${service}-1`,
    image: image.replace(/^\$\{\w+\}/, 'images.example/organisation'),
    labels: {
      'com.docker.compose.project': name,
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': '1',
      'com.docker.compose.depends_on': dependsOn.map((other) => `${other}:service_started:false`).join(','),
      ...labels,
    },
    state: 'running',
    health: 'none',
    restartPolicy: 'unless-stopped',
    startedAt: 1,
    exitCode: 0,
    error: '',
    restartCount: 0,
    pid: 100 + index,
    env: [],
    command: [],
    mounts: [],
  }));
}

/** By service: `method, recognised by, held by`, as the table of the page has it. */
function planOf(compose: Compose): Record<string, string> {
  const services = plannable(discover(containersOf(compose))).map((service) => ({
    ...service,
    programs: [],
    hasSqlite: opensSqlite.has(`${service.stack}/${service.service}`),
  }));
  const plan = planQuiesce(services);
  expect(plan.uncovered).toEqual([]);
  expect(plan.services.flatMap(({ notes }) => notes)).toEqual([]);
  return Object.fromEntries(
    plan.services.map(({ service, method, chosenBy, holds }) => [
      service,
      [method, chosenBy, holds.join(', ')].join(' | '),
    ]),
  );
}

async function tableOf(page: string): Promise<Record<string, string>> {
  const text = await readFile(join(workspace, page), 'utf8');
  const rows = text.matchAll(/^\| `([\w-]+)` +\| [^|]* \| `(\w+)` +\| (\w+) +\| ([\w, ]+?) +\|$/gm);
  return Object.fromEntries([...rows].map(([, service = '', ...cells]) => [service, cells.join(' | ')]));
}

const withLabels = (compose: Compose, service: string, labels: Record<string, string>): Compose => {
  const before = compose.services[service];
  if (before === undefined) throw new Error(`there is no service ${service}`);
  return {
    ...compose,
    services: { ...compose.services, [service]: { ...before, labels: { ...before.labels, ...labels } } },
  };
};

describe.each(recipes)('the recipe %s', (page) => {
  it('is planned as its table says', async () => {
    const table = await tableOf(page);
    expect(Object.keys(table).length).toBeGreaterThan(0);
    expect(planOf(composeOf(page))).toEqual(table);
  });

  it('has labels that are right, each of them', () => {
    const { services } = composeOf(page);
    const said = [...Object.values(services).map(({ labels }) => labels), ...furtherLabels(page)];
    expect(said.flatMap((labels) => readLabels(labels).problems)).toEqual([]);
  });

  it('says what was tested, and what not', async () => {
    const text = await readFile(join(workspace, page), 'utf8');
    expect(text).toMatch(/^\*\*Tested:\*\* .*\*\*Not tested:\*\* /m);
  });
});

describe('what may be said besides', () => {
  it('has Nextcloud in its maintenance mode while it is held', () => {
    const [labels = {}] = furtherLabels('docs/recipes/nextcloud.md');
    const plan = planOf(withLabels(composeOf('docs/recipes/nextcloud.md'), 'app', labels));
    expect(plan['app']).toBe('exec | label | lock, freeze');
  });

  it('has the whole stack of Gitea stopped', () => {
    const [labels = {}] = furtherLabels('docs/recipes/gitea.md');
    const plan = planOf(withLabels(composeOf('docs/recipes/gitea.md'), 'server', labels));
    expect(plan).toEqual({ server: 'stop | policy | stop', db: 'stop | policy | stop' });
  });

  it('has Home Assistant stopped, and nothing else', () => {
    const [labels = {}] = furtherLabels('docs/recipes/home-assistant.md');
    const plan = planOf(withLabels(composeOf('docs/recipes/home-assistant.md'), 'homeassistant', labels));
    expect(plan).toEqual({ homeassistant: 'stop | label | stop', mosquitto: 'freeze | default | freeze' });
  });
});
