/**
 * node test/e2e/src/compatibility/record.ts – records what this version says and writes, as fixtures of the version in
 * package.json: whole sessions, the files of a guest that is held, the hook script, and a store. A version that is out
 * is never recorded again.
 *
 * node test/e2e/src/compatibility/record.ts --release – the same, and marks the version as out.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { ApiClient } from '@tacet/controller/testing';
import { openSimulatedHouse, type SimulatedHouse } from '@tacet/demo';
import { enrolmentSchema, guestListSchema, operationSchema, scheduleViewSchema } from '@tacet/protocol';
import { silentLogger, systemClock, Undo } from '@tacet/runtime';
import { exchanges, type RecordedFrame, tapSessions } from './recorded-session.ts';
import {
  checksums,
  currentFormats,
  currentRelease,
  fixtures,
  released,
  releaseFolder,
  sumsFile,
} from './releases.ts';

const deadlineMs = 120_000;
const hookScript = join(import.meta.dirname, '../../../../apps/cli/src/hook/vzdump-hook.sh');

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endsAt = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > endsAt) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await systemClock.sleep(50);
  }
}

/** What happens while it is recorded: guest 101 is enrolled, backed up, rehearsed, restored as 201, and thawed. */
async function live(house: SimulatedHouse, api: ApiClient): Promise<void> {
  const { token } = await api.expect(enrolmentSchema, 'POST', '/api/v1/guests/101/enrolments');
  await house.guest(101).enrol(token);
  const isReady = async (vmid: number): Promise<boolean> => {
    const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
    const found = guests.find((one) => one.vmid === vmid);
    return (
      found?.connected === true &&
      found.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    );
  };
  await until('guest 101 is ready', () => isReady(101));
  await api.expect(scheduleViewSchema, 'PUT', '/api/v1/schedules/nightly', {
    name: 'nightly',
    guests: { include: { vmids: [101] } },
    when: { event: '02:30', timeZone: 'Europe/Berlin' },
  });
  for (const [path, body] of [
    ['/api/v1/guests/101/backups', {}],
    ['/api/v1/guests/101/rehearsals', {}],
    ['/api/v1/guests/101/restores', { to: 201 }],
  ] as const) {
    const { id } = await api.expect(operationSchema, 'POST', path, body);
    await until(`${path} has ended`, async () => {
      const { state, error } = await api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
      if (state === 'failed') throw new Error(`${path}: ${error?.message}`);
      return state === 'succeeded';
    });
  }
  await until('guest 201 is ready', () => isReady(201));
  const { status } = await api.call('POST', '/api/v1/guests/101/thaw', {});
  if (status !== 200) throw new Error(`guest 101 was not thawed: ${status}`);
}

const isOf = (vmid: number) => (session: RecordedFrame[]) =>
  session.some(
    ({ frame }) => frame.kind === 'welcome' && (frame['identity'] as { vmid?: number }).vmid === vmid,
  );

async function record(folder: string): Promise<void> {
  await using undo = new Undo();
  const house = await openSimulatedHouse(undo, { original: 101, log: silentLogger });
  const { clientFile } = house.controller;
  const api = await ApiClient.of(clientFile);
  let held: Promise<{ files: Record<string, string> }> | undefined;
  using tap = tapSessions((session) => {
    const hold = exchanges(session).find(
      ({ request, answer }) => request.method === 'hold' && answer !== undefined,
    );
    if (hold !== undefined) held ??= house.guest(101).capture();
  });
  await live(house, api);
  const write = async (name: string, content: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  };
  await write('formats.json', `${JSON.stringify(await currentFormats(), null, 2)}\n`);
  for (const [name, vmid] of [
    ['backed-up', 101],
    ['adopted', 201],
  ] as const) {
    const session = tap.sessions.find(isOf(vmid));
    if (session === undefined) throw new Error(`no session of guest ${vmid} was recorded`);
    await write(`sessions/${name}.jsonl`, session.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
  }
  const files = (await held)?.files ?? {};
  for (const [name, text] of Object.entries(files)) await write(`guest/${name}`, text);
  await cp(hookScript, join(folder, 'vzdump-hook.sh'));
  const copy = join(folder, 'controller.db');
  const database = new DatabaseSync(join(dirname(clientFile), 'controller.db'), {
    timeout: 5000,
    readOnly: true,
  });
  database.prepare('VACUUM INTO ?').run(copy);
  database.close();
  await write('controller.db.gz', gzipSync(await readFile(copy), { level: 9 }));
  await rm(copy);
}

const version = await currentRelease();
const folder = releaseFolder(version);
const out = await released();
if (version in out) throw new Error(`${version} is out: give package.json the next version first`);
await rm(folder, { recursive: true, force: true });
await record(folder);
const sums = await checksums(folder);
await writeFile(join(folder, sumsFile), sums);
if (process.argv.includes('--release')) {
  const sum = createHash('sha256').update(sums).digest('hex');
  await writeFile(
    join(fixtures, 'released.json'),
    `${JSON.stringify({ ...out, [version]: sum }, null, 2)}\n`,
  );
}
process.stdout.write(`${sums}${folder} is written.\n`);
