import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes } from '@tacet/cli';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tacet } from './tacet.ts';

/** What each says, beside the command's usage. */
const calls: readonly (readonly [line: string, message: string])[] = [
  ['status abc', 'A VMID is a whole number from 100.'],
  ['status 99', 'A VMID is a whole number from 100.'],
  ['status 1e3', 'A VMID is a whole number from 100.'],
  ['backup', "missing required argument 'vmid'"],
  ['backup 101 102', 'too many arguments'],
  ['backup 101 --mode nonsense', 'Allowed choices are snapshot, suspend, stop.'],
  ['backup 101 --storage EMPTY', "argument '' is invalid"],
  ['backup 101 --mode stop --fail-closed', 'fail-closed goes with the mode snapshot only'],
  ['snapshot 101', "required option '--before <text>' not specified"],
  ['snapshot 101 --before EMPTY', 'Say it in 1 to 200 characters.'],
  ['rollback 101 0-wrong', 'That is no name of a snapshot.'],
  ['restore 101', 'say where to'],
  ['restore 101 --to 101', '--to 101 is the guest itself'],
  ['restore 101 --to 201 --network nonsense', 'It is keep, dhcp, link-down, or an address'],
  ['restore 101 --to 201 --network 10.0.0.5/24 --gateway nonsense', 'It is an IPv4 address'],
  ['restore 101 --to 201 --backup EMPTY', 'the value of --backup is empty'],
  ['drill 101 --backup EMPTY', 'the value of --backup is empty'],
  ['adopt EMPTY', 'an argument is empty'],
  ['operation EMPTY', 'an argument is empty'],
  ['doctor 101 --last', '--last shows the last report as it is'],
  ['events --vmid abc', 'A VMID is a whole number from 100.'],
  ['events --type nonsense', 'Allowed choices are agent.started'],
  ['events --since yesterday', 'It is 45s, 30m, 2h, 7d, or a date'],
  ['events --limit 0', 'It is a whole number from 1 to'],
  ['schedule show Nightly', 'Small letters, digits'],
  ['schedule show nightly --runs many', 'It is a whole number from 1 to'],
  ['schedule set nightly --file WRONG', 'is not valid: guests'],
  ['schedule set nightly --file OTHER', 'this is the schedule "weekly", not "nightly"'],
  ['account add anna', "required option '--role <role>' not specified"],
  ['account add anna --role king', 'Allowed choices are viewer, operator, admin.'],
  ['account add Anna --role admin', 'Small letters, digits'],
  ['account add anna --role admin', 'the password is not valid: at least 12 characters'],
  ['account role anna king', 'Allowed choices are viewer, operator, admin.'],
  ['token create robot --role viewer', "required option '--expires <when>' not specified"],
  ['token create robot --role viewer --expires soon', 'It is 12h, 90d, a date'],
  ['token create robot --role viewer --expires 2020-01-01', 'the token would have expired already'],
  ['audit --limit nonsense', 'It is a whole number from 1 to'],
  ['completion powershell', 'Allowed choices are bash, zsh, fish.'],
  ['help nonsense', 'no help on nonsense'],
  ['nonsense', "unknown command 'nonsense'"],
  ['guests --nonsense', "unknown option '--nonsense'"],
];

describe('a call that cannot be meant', () => {
  let server: Server;
  let connections = 0;
  let directory: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tacet-wrong-calls-'));
    await writeFile(join(directory, 'wrong.json'), '{"guests": 101}');
    const when = { event: 'every night', timeZone: 'UTC' };
    const weekly = { name: 'weekly', guests: { include: { vmids: [101] } }, when };
    await writeFile(join(directory, 'other.json'), JSON.stringify(weekly));
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const fingerprint = Array(32).fill('AA').join(':');
    env = { TACET_URL: `https://127.0.0.1:${port}`, TACET_FINGERPRINT: fingerprint, TACET_TOKEN: 'secret' };
  });
  afterAll(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  it.each(calls)('%s', async (line, message) => {
    const meant: Record<string, string> = {
      EMPTY: '',
      WRONG: join(directory, 'wrong.json'),
      OTHER: join(directory, 'other.json'),
    };
    const argv = line.split(' ').map((word) => meant[word] ?? word);
    const { code, out, err } = await tacet(argv, { env, typed: ['short'] });
    expect(err).toContain(message);
    expect(err).toMatch(/^usage: tacet/m);
    expect({ code, out, connections }).toEqual({ code: exitCodes.usage, out: '', connections: 0 });
    expect(err).not.toContain('short\n');
  });

  it('is told from one that nobody answers', async () => {
    const { code } = await tacet(['guests'], { env });
    expect(code).toBe(exitCodes.unreachable);
    expect(connections).toBe(1);
  });
});
