import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes, run } from '@tacet/cli';
import { problemSchema, scheduleViewSchema } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../house.ts';

let undo: Undo;
let house: House;
let file: string;

beforeEach(async () => {
  undo = new Undo();
  house = await openHouse(undo);
  const directory = await mkdtemp(join(tmpdir(), 'tacet-schedule-'));
  undo.defer(() => rm(directory, { recursive: true }));
  file = join(directory, 'nightly.json');
});
afterEach(() => undo[Symbol.asyncDispose]());

async function tacet(line: string): Promise<{ code: number; out: string; err: string }> {
  const spoken = { code: -1, out: '', err: '' };
  spoken.code = await run({
    argv: line.split(' '),
    env: { TACET_CONTROLLER: house.controller.clientFile },
    stdout: (text) => void (spoken.out += text),
    stderr: (text) => void (spoken.err += text),
    signal: new AbortController().signal,
  });
  return spoken;
}

async function set(schedule: object): ReturnType<typeof tacet> {
  await writeFile(file, JSON.stringify(schedule));
  return await tacet(`schedule set nightly --file ${file}`);
}

async function refused(...call: Parameters<House['api']['call']>): Promise<[number, string]> {
  const { status, body } = await house.api.call(...call);
  return [status, problemSchema.parse(body).code];
}

const yearly = { event: '02-29 04:00', timeZone: 'Europe/Berlin' };

describe('tacet schedule', () => {
  it('makes a schedule, and shows at once when it is next and whom it selects', async () => {
    expect((await tacet('schedule list')).out).toContain('No schedule yet');
    const made = await set({
      guests: { include: { names: ['ct*'] } },
      when: yearly,
      retention: { keepLast: 3 },
    });
    expect(made.err).toBe('');
    expect(made.out).toContain('Schedule  nightly, version 1');
    expect(made.out).toContain('day 29 of February at 04:00, Europe/Berlin');
    expect(made.out).toContain('keeps last 3');
    expect(made.out).toMatch(/101 +ct101 +pve1 +local +20\d\d-02-29 .* name ct\* +not held: no agent/);
    expect(made.code).toBe(exitCodes.ok);
    expect((await tacet('schedule list')).out).toMatch(/nightly +20\d\d-02-29/);
  });

  it('runs it now, and shows what has become of it', async () => {
    await set({ guests: { include: { vmids: [101] } }, when: yearly });
    const started = await tacet('schedule run nightly');
    expect(started).toMatchObject({ code: exitCodes.ok, out: 'Due now: 101\n' });
    // An agent that is away is waited for: ct101 has none.
    await expect
      .poll(async () => (await tacet('schedule show nightly')).out, { timeout: 30_000 })
      .toMatch(/101 .*by hand +queued +waits for the agent/);
  });

  it('says who is named and is not there, to people and by its exit code', async () => {
    const { code, out } = await set({ guests: { include: { tags: ['prdo'] } }, when: yearly });
    expect(out).toContain('NOBODY is backed up');
    expect(out).toContain('NOBODY matches tag prdo');
    expect(code).toBe(exitCodes.below);
  });

  it('is told everything that is wrong with a schedule at once, in its own words', async () => {
    const { code, err } = await set({
      guests: { include: { all: true } },
      when: { event: 'mon..fri 25:00', timeZone: 'Europe/Bielefeld' },
    });
    expect(err).toContain('when.event: the calendar event "mon..fri 25:00" cannot be read, at "25"');
    expect(err).toContain('when.timeZone: the time zone "Europe/Bielefeld" is not known');
    expect(code).toBe(exitCodes.usage);
    const closed = await set({
      guests: { include: { all: true } },
      when: yearly,
      mode: 'stop',
      whenNotQuiesced: 'fail-closed',
    });
    expect(closed.err).toContain('fail-closed goes with the mode snapshot only');
    await writeFile(file, '{"name":');
    expect((await tacet(`schedule set nightly --file ${file}`)).code).toBe(exitCodes.usage);
  });

  it('drills, and shows in which order', async () => {
    const made = await set({ action: 'drill', guests: { include: { vmids: [101] } }, when: yearly });
    expect(made.err).toBe('');
    expect(made.out).toContain('Drills    of the newest backup of 1 guest each time');
    expect(made.out).toMatch(/101 +ct101 +pve1 +local +- +VMID 101 +no backup to drill, never drilled/);
    expect((await tacet('schedule list')).out).toMatch(/nightly .* drill /);
    await tacet('schedule run nightly 101');
    await expect
      .poll(async () => (await tacet('schedule show nightly')).out, { timeout: 30_000 })
      .toMatch(/101 .*by hand +missed +there is no backup of it to drill/);
    expect((await tacet('schedule run nightly')).code).toBe(exitCodes.ok);
    const { code, err } = await set({
      action: 'drill',
      guests: { include: { all: true } },
      when: yearly,
      storage: 'pbs',
    });
    expect(err).toContain('a drill makes no backup: leave it out');
    expect(code).not.toBe(exitCodes.ok);
  });

  it('deletes it', async () => {
    await set({ guests: { include: { all: true } }, when: yearly });
    expect((await tacet('schedule delete nightly')).code).toBe(exitCodes.ok);
    const { code, err } = await tacet('schedule show nightly');
    expect(err).toContain('no schedule is called "nightly"');
    expect(code).toBe(exitCodes.failed);
  });
});

describe('the API of schedules', () => {
  const path = '/api/v1/schedules/nightly';
  const nightly = { name: 'nightly', guests: { include: { all: true } }, when: yearly };

  it('keeps two people from changing it against each other', async () => {
    const made = await house.api.expect(scheduleViewSchema, 'PUT', `${path}?version=0`, nightly);
    expect(made.version).toBe(1);
    expect(await refused('PUT', `${path}?version=0`, nightly)).toEqual([409, 'conflict']);
    const changed = await house.api.expect(scheduleViewSchema, 'PUT', `${path}?version=1`, nightly);
    expect(changed.version).toBe(2);
    expect(await refused('PUT', `${path}?version=1`, nightly)).toEqual([409, 'conflict']);
    expect(await refused('DELETE', `${path}?version=1`)).toEqual([409, 'conflict']);
  });

  it('renames none, and runs nobody whom it does not select', async () => {
    expect(await refused('PUT', '/api/v1/schedules/weekly', nightly)).toEqual([400, 'invalid-input']);
    await house.api.expect(scheduleViewSchema, 'PUT', path, nightly);
    expect(await refused('POST', `${path}/runs`, { vmids: [999] })).toEqual([400, 'invalid-input']);
  });
});
