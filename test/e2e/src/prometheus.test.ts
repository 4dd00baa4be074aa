import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { enrolAgent, ApiClient, FakeAgent, fakeIncarnation, FakeQuiesce } from '@tacet/controller/testing';
import { madeApiTokenSchema, operationSchema } from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

const alerts = join(import.meta.dirname, '../../../apps/controller/share/prometheus');
const isInstalled = spawnSync('promtool', ['--version']).status === 0;
const why = isInstalled ? '' : ' (skipped: prometheus is not installed)';

function promtool(args: readonly string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', [...args], {
    input,
    cwd: alerts,
    encoding: 'utf8',
  });
  return { status, said: `${stdout}${stderr}` };
}

describe.skipIf(!isInstalled)(`Prometheus${why}`, () => {
  let undo: Undo;
  let house: House;
  let viewer: string;

  beforeEach(async () => {
    undo = new Undo();
    house = await openHouse(undo);
    const body = { name: 'prometheus', role: 'viewer', expiresAt: null };
    viewer = (await house.api.expect(madeApiTokenSchema, 'POST', '/api/v1/tokens', body)).secret;
  });
  afterEach(() => undo[Symbol.asyncDispose]());

  /** One app-consistent backup of guest 101. */
  async function backUp(): Promise<void> {
    const incarnation = fakeIncarnation(101, originalMac);
    const credential = await enrolAgent(house.api, 101, incarnation);
    const quiesce = new FakeQuiesce(systemClock);
    const { agentUrl, fingerprint } = house.controller;
    const answer = quiesce.answer.bind(quiesce);
    const agent = await FakeAgent.connect({ url: agentUrl, fingerprint, credential, incarnation, answer });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    const { id } = await house.api.expect(operationSchema, 'POST', '/api/v1/guests/101/backups', {});
    await expect
      .poll(() => house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`), { timeout: 30_000 })
      .toMatchObject({ state: 'succeeded', backup: { verdict: { consistency: 'app' } } });
  }

  async function metrics(): Promise<string> {
    const client = new ApiClient(house.controller.url, viewer);
    return await client.text('/metrics');
  }

  it('finds nothing wrong with the names, units and help of the metrics', async () => {
    await backUp();
    const text = await metrics();
    for (const name of [
      'tacet_service_stall_seconds_bucket',
      'tacet_guest_condition',
      'tacet_agent_sessions',
    ]) {
      expect(text).toContain(`${name}{`.replace('sessions{', 'sessions '));
    }
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
  });

  it('takes the alert rules, and they fire when they should', () => {
    expect(promtool(['check', 'rules', 'alerts.yml']).said).toContain('SUCCESS: 11 rules found');
    const { status, said } = promtool(['test', 'rules', 'alerts.test.yml']);
    expect({ status, said }).toMatchObject({ status: 0 });
  });

  it('scrapes the controller: TLS checked against its certificate, with a viewer’s token', async () => {
    await backUp();
    const directory = dirname(dirname(house.controller.clientFile));
    const state = dirname(house.controller.clientFile);
    const tokenFile = join(directory, 'prometheus.token');
    const config = join(directory, 'prometheus.yml');
    await writeFile(tokenFile, viewer, { mode: 0o600 });
    await writeFile(
      config,
      `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [${join(alerts, 'alerts.yml')}]
scrape_configs:
  - job_name: tacet
    scheme: https
    authorization: { credentials_file: ${tokenFile} }
    tls_config: { ca_file: ${join(state, 'controller.crt')} }
    static_configs: [{ targets: ['${new URL(house.controller.url).host}'] }]
`,
    );
    const port = await freePort();
    const data = join(directory, 'prometheus');
    const address = `127.0.0.1:${port}`;
    const options = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${address}`,
    ];
    const prometheus = spawn('prometheus', [...options, '--log.level=warn'], { stdio: 'ignore' });
    undo.defer(() => end(prometheus));

    const query = (text: string): Promise<unknown> => ask(address, `query?query=${encodeURIComponent(text)}`);
    const waiting = { timeout: 40_000, interval: 300 };
    await expect
      .poll(() => query('tacet_backup_verdicts_total{consistency="app"}'), waiting)
      .toMatchObject({ data: { result: [{ value: [expect.anything(), '1'] }] } });
    await expect
      .poll(
        () => query('time() - tacet_guest_newest_backup_timestamp_seconds{vmid="101"} < bool 300'),
        waiting,
      )
      .toMatchObject({ data: { result: [{ value: [expect.anything(), '1'] }] } });
    expect(await query('sum by (method) (tacet_service_stall_seconds_count) > 0')).not.toMatchObject({
      data: { result: [] },
    });
    await expect
      .poll(async () => JSON.stringify(await ask(address, 'rules')), waiting)
      .not.toMatch(/"health":"(?:unknown|err)"/);
  });
});

async function ask(address: string, path: string): Promise<unknown> {
  try {
    return await (await fetch(`http://${address}/api/v1/${path}`)).json();
  } catch {
    return undefined; // it does not listen yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}
