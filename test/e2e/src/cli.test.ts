import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exitCodes, run } from '@tacet/cli';
import { ApiClient, FakeAgent, fakeIncarnation, FakeQuiesce, fakeStatus } from '@tacet/controller/testing';
import { decodeEnrolmentToken, enrolResponseSchema, guestListSchema, operationSchema } from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

describe('tacet at the terminal', () => {
  let undo: Undo;
  let house: House;
  let quiesce: FakeQuiesce;

  beforeEach(async () => {
    undo = new Undo();
    house = await openHouse(undo);
    quiesce = new FakeQuiesce(systemClock);
  });
  afterEach(() => undo[Symbol.asyncDispose]());

  interface Spoken {
    code: number;
    out: string;
    err: string;
  }

  async function tacet(line: string, signal = new AbortController().signal): Promise<Spoken> {
    const spoken: Spoken = { code: -1, out: '', err: '' };
    spoken.code = await run({
      argv: line.split(' '),
      env: { TACET_CONTROLLER: house.controller.clientFile },
      stdout: (text) => void (spoken.out += text),
      stderr: (text) => void (spoken.err += text),
      signal,
    });
    return spoken;
  }

  /** As an operator does it: the printed command is run in the guest. */
  async function enrol(vmid: number): Promise<string> {
    const { out } = await tacet(`enrol ${vmid}`);
    const token = out.trim().replace('tacet-agent enroll ', '');
    const { url, secret } = decodeEnrolmentToken(token);
    const body = { secret, agentVersion: '0.0.0', incarnation: fakeIncarnation(vmid, originalMac) };
    const api = new ApiClient(url);
    return (await api.expect(enrolResponseSchema, 'POST', '/api/v1/agents/enroll', body)).credential;
  }

  async function connect(vmid: number, credential: string, mac = originalMac): Promise<FakeAgent> {
    const { agentUrl: url, fingerprint } = house.controller;
    const agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential,
      incarnation: fakeIncarnation(vmid, mac),
      answer: quiesce.answer.bind(quiesce),
    });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    return agent;
  }

  it('shows the steps of a backup as they come, then the verdict with its proof and the stall of each service', async () => {
    await connect(101, await enrol(101));
    const { code, out, err } = await tacet('backup 101');
    expect(err).toMatch(/prepared .*\n.*held .*\n.*requested .*\n/);
    expect(out).toContain('Verdict  app-consistent: 2 services were held');
    expect(out).toContain('Proof');
    expect(out).toMatch(/shop\/db +freeze +freeze +\d+ ms/);
    expect(code).toBe(exitCodes.ok);
  });

  it('tells scripts by its exit code that a backup is less than app-consistent', async () => {
    await enrol(101);
    const { code, out } = await tacet('backup 101');
    expect(out).toContain('Verdict  crash-consistent: no agent of this guest is connected');
    expect(code).toBe(exitCodes.below);
  });

  it('restores, and says when the copy is ready', async () => {
    const credential = await enrol(101);
    await connect(101, credential);
    await tacet('backup 101');
    const restoring = tacet('restore 101 --to 201');
    await expect.poll(() => house.log.join('')).toContain('is expected as guest 201');
    await connect(201, credential, 'bc:24:11:00:00:02');
    const { code, out, err } = await restoring;
    expect(err).toContain('ordered');
    expect(out).toContain('Guest 201 is restored from guest 101, healed and ready.');
    expect(code).toBe(exitCodes.ok);

    const again = await tacet('restore 101 --to 201');
    expect(again.err).toContain('a guest 201 exists already');
    expect(again.code).toBe(exitCodes.failed);
  });

  it('restores in place, and says where what was there before is', async () => {
    const credential = await enrol(101);
    const before = await connect(101, credential);
    await tacet('backup 101');
    const restoring = tacet('restore 101 --in-place');
    await expect.poll(() => house.log.join(''), { timeout: 30_000 }).toContain('is what it was in');
    before.cut();
    await connect(101, credential);
    const { code, out, err } = await restoring;
    expect({ code, err }).toMatchObject({ code: exitCodes.ok });
    expect(out).toMatch(
      /Guest 101 is restored in place, healed and ready\.\nWhat it was before is in backup \S+ \(local:/,
    );
  });

  it('takes a snapshot before a change, and goes back to it', async () => {
    const credential = await enrol(101);
    const before = await connect(101, credential);
    const taken = await tacet('snapshot 101 --before upgrade');
    expect(taken.out).toContain('Snapshot before-upgrade\nVerdict  app-consistent');
    expect(taken.out).toContain('Back to it: tacet rollback 101 before-upgrade');
    expect(taken.code).toBe(exitCodes.ok);
    expect((await tacet('snapshots 101')).out).toMatch(/before-upgrade +\S+ \S+ +app +before upgrade/);
    const rolling = tacet('rollback 101');
    await expect.poll(() => house.log.join(''), { timeout: 30_000 }).toContain('guest 101 runs');
    before.cut();
    await connect(101, credential);
    const { code, out } = await rolling;
    expect(out).toContain('Guest 101 is rolled back, healed and ready.');
    expect(code).toBe(exitCodes.ok);
  });

  it('drills, and shows in the list of backups what that has shown', async () => {
    const credential = await enrol(101);
    await connect(101, credential);
    await tacet('backup 101');
    const drilling = tacet('drill 101');
    await expect.poll(() => house.log.join(''), { timeout: 30_000 }).toContain('scratch guest 900 runs');
    await connect(900, credential, 'bc:24:11:00:00:02');
    const { code, out } = await drilling;
    expect(out).toMatch(/Proven: restorable, ready after [\d.]+ s/);
    expect(code).toBe(exitCodes.ok);
    expect((await tacet('backups 101')).out).toMatch(/proven \S+ \S+, ready after/);
  });

  it.each([
    ['restore 101', 'say where to'],
    ['restore 101 --to 201 --in-place', 'say where to'],
    ['restore 101 --to 201 --no-safety-backup', 'a copy replaces nothing'],
    ['restore 101 --to 201 --gateway 10.0.0.1', '--gateway needs an address'],
    ['restore 101 --to 201 --network nowhere', 'It is keep, dhcp, link-down'],
  ])('says what is wrong with: %s', async (line, message) => {
    const { code, err } = await tacet(line);
    expect(err).toContain(message);
    expect(code).toBe(exitCodes.usage);
  });

  it('prints with --json what a program can parse, and nothing else', async () => {
    await connect(101, await enrol(101));
    const backup = await tacet('--json backup 101');
    expect(operationSchema.parse(JSON.parse(backup.out)).backup?.verdict.consistency).toBe('app');
    expect(backup.err).toBe('');
    const guests = await tacet('--json guests');
    expect(guestListSchema.parse(JSON.parse(guests.out)).guests).toHaveLength(1);
  });

  it('says in its status whether a guest is ready', async () => {
    const credential = await enrol(101);
    expect(await tacet('status 101')).toMatchObject({ code: exitCodes.below });
    const agent = await connect(101, credential);
    expect(await tacet('status 101')).toMatchObject({ code: exitCodes.ok });
    agent.send({ kind: 'status', sequence: 1, status: fakeStatus('False') });
    await expect
      .poll(() => tacet('status 101'))
      .toMatchObject({
        code: exitCodes.below,
        out: expect.stringContaining('shop/web is exited'),
      });
    expect((await tacet('status')).out).toContain('SIMULATED nodes');
  });

  it('lists backups and events', async () => {
    await enrol(101);
    await tacet('backup 101');
    expect((await tacet('backups 101')).out).toContain('local:backup/vzdump-lxc-101-');
    expect((await tacet('events')).out).toContain('operation.finished');
  });

  it('follows events until Ctrl-C', async () => {
    const interrupt = new AbortController();
    const following = tacet('events --follow', interrupt.signal);
    await enrol(101);
    interrupt.abort(new Error('interrupted'));
    expect((await following).code).toBe(exitCodes.interrupted);
  });

  it('stops watching at Ctrl-C, and says that the operation goes on', async () => {
    await connect(101, await enrol(101));
    const interrupt = new AbortController();
    const backup = tacet('backup 101', interrupt.signal);
    await expect.poll(() => quiesce.journal).toContain('hold');
    interrupt.abort(new Error('interrupted'));
    const { code, err } = await backup;
    expect(err).toContain('the backup goes on');
    expect(code).toBe(exitCodes.interrupted);
    const id = /tacet operation (\S+)/.exec(err)?.[1] ?? '';
    expect(await tacet(`operation ${id}`)).toMatchObject({ code: exitCodes.ok });
  });

  it('tells a wrong call, an unknown guest and an absent controller apart', async () => {
    expect(await tacet('backup nonsense')).toMatchObject({ code: exitCodes.usage });
    expect(await tacet('restore 101')).toMatchObject({ code: exitCodes.usage });
    expect(await tacet('--controller /nowhere guests')).toMatchObject({ code: exitCodes.usage });
    expect(await tacet('status 999')).toMatchObject({
      code: exitCodes.failed,
      err: expect.stringContaining('hint: Enrol it'),
    });
    await house.controller[Symbol.asyncDispose]();
    expect(await tacet('guests')).toMatchObject({ code: exitCodes.unreachable });
  });

  it('sends nothing to a server with another certificate', async () => {
    const file = house.controller.clientFile;
    const access: Record<string, string> = JSON.parse(await readFile(file, 'utf8'));
    const impostor = join(file, '..', 'impostor.json');
    await writeFile(impostor, JSON.stringify({ ...access, fingerprint: Array(32).fill('AA').join(':') }));
    const { code, err } = await tacet(`--controller ${impostor} guests`);
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toContain('another certificate');
  });

  it('explains itself', async () => {
    const { code, out } = await tacet('--help');
    expect(code).toBe(exitCodes.ok);
    expect(out).toContain('Exit codes:');
  });

  it.each([
    ['its reader has enough', 'events --follow | head -n 1', 130],
    ['the disk behind it is full', 'guests >/dev/full', 1],
  ])('ends without a stack when %s', async (_, line, code) => {
    await enrol(101);
    const main = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.ts');
    const script = `"$0" --disable-warning=ExperimentalWarning "$1" ${line}; echo "code \${PIPESTATUS[0]}" >&2`;
    const env = { ...process.env, TACET_CONTROLLER: house.controller.clientFile };
    const options = { env, timeout: 20_000 };
    const ended = promisify(execFile)('bash', ['-c', script, process.execPath, main], options);
    // More must come after the first line, or nobody learns that the reader has gone.
    let spoken: { stderr: string } | undefined;
    for (let vmid = 102; spoken === undefined; vmid += 1) {
      spoken = await Promise.race([ended, enrol(vmid).then(() => undefined)]);
    }
    const { stderr } = spoken;
    expect(stderr).toContain(`code ${code}`);
    expect(stderr).not.toMatch(/ {4}at /);
  });
});
