import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodes } from '@tacet/cli';
import { Browser } from '@tacet/controller/testing';
import { Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../house.ts';
import { type How, type Spoken, tacet } from './tacet.ts';

const password = 'correct horse battery staple';
const other = 'another horse, another staple';

describe('tacet and who may do what', () => {
  const undo = new Undo();
  afterAll(() => undo[Symbol.asyncDispose]());
  let house: House;
  beforeAll(async () => {
    house = await openHouse(undo);
  });

  function say(line: string, how: How = {}): Promise<Spoken> {
    const env = { TACET_CONTROLLER: house.controller.clientFile };
    return tacet(line.split(' '), { env, ...how });
  }

  async function signsIn(name: string, typed: string): Promise<boolean> {
    const browser = new Browser(house.controller.url);
    const body = { name, password: typed };
    return (await browser.ask('POST', '/api/v1/session', { body })).status === 200;
  }

  it('makes an account, whose password is typed twice', async () => {
    const made = await say('account add anna --role admin', { typed: [password, password], isTyped: true });
    expect(made).toMatchObject({ code: exitCodes.ok, out: 'anna may sign in, as admin.\n' });
    expect(made.err).toBe('New password of anna: Once more: ');
    expect(await signsIn('anna', password)).toBe(true);
    expect((await say('account list')).out).toMatch(/anna +admin/);
  });

  it('changes nothing where it was typed otherwise the second time', async () => {
    const { code, err } = await say('account password anna', { typed: [other, password], isTyped: true });
    expect(code).toBe(exitCodes.usage);
    expect(err).toContain('two different passwords');
    expect(await signsIn('anna', password)).toBe(true);
  });

  it('sets a password that comes through a pipe, and ends the logins', async () => {
    expect((await say('account password anna', { typed: [other] })).code).toBe(exitCodes.ok);
    expect(await signsIn('anna', other)).toBe(true);
    expect(await signsIn('anna', password)).toBe(false);
  });

  it('changes a role, but not that of the only admin, and deletes an account', async () => {
    await say('account add ben --role viewer', { typed: [password] });
    expect((await say('account role ben operator')).out).toBe('ben is operator now.\n');
    expect(await say('account role anna viewer')).toMatchObject({
      code: exitCodes.failed,
      err: expect.stringContaining('anna is the only admin'),
    });
    expect((await say('account delete ben')).code).toBe(exitCodes.ok);
    expect((await say('account list')).out).not.toContain('ben');
  });

  it('makes a token that it shows this once, with which it comes in, until it is revoked', async () => {
    const made = await say('token create robot --role viewer --expires 90d');
    expect(made.out).toMatch(/^tacet_\S+\n$/);
    expect(made.err).toContain('It is shown this once');
    const secret = made.out.trim();
    expect((await say('token list')).out).not.toContain(secret);

    const env = { TACET_CONTROLLER: house.controller.clientFile, TACET_TOKEN: secret };
    expect(await say('guests', { env })).toMatchObject({ code: exitCodes.ok });
    expect(await say('audit', { env })).toMatchObject({
      code: exitCodes.failed,
      err: expect.stringContaining('this needs the role admin; robot is viewer'),
    });
    await say('token revoke robot');
    expect(await say('guests', { env })).toMatchObject({ code: exitCodes.failed });
  });

  it('comes in with what the environment says alone, and never shows a token', async () => {
    const { url, fingerprint, token } = JSON.parse(
      await readFile(house.controller.clientFile, 'utf8'),
    ) as Record<'url' | 'fingerprint' | 'token', string>;
    const file = join(house.controller.clientFile, '..', 'token');
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    const env = { TACET_URL: url, TACET_FINGERPRINT: fingerprint, TACET_TOKEN_FILE: file };
    expect(await say('guests', { env })).toMatchObject({ code: exitCodes.ok });

    const half = await say('guests', { env: { TACET_URL: url, TACET_TOKEN: token } });
    expect(half).toMatchObject({ code: exitCodes.usage });
    expect(half.err).toContain('TACET_URL needs TACET_FINGERPRINT');
    expect(half.err).not.toContain(token);
  });

  it('shows who did what', async () => {
    const { out } = await say('audit');
    expect(out).toMatch(/token cli +\S+ +done +Make an account: anna, admin/);
    expect(out).toMatch(/refused \(conflict\) +Change the role/);
    expect((await say('audit --limit 1')).out.trim().split('\n')).toHaveLength(2);
  });
});
