import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { planRevoke } from './plan-revoke.ts';
import { fulfilled, printedLines } from './printed-lines.ts';
import { pveumLine } from './pveum.ts';
import { wishFor } from './wish.ts';

const input = {
  userId: 'tacet@pve',
  node: 'pve1',
  secrets: '/etc/tacet',
  guests: [101],
  storages: ['local'],
  restore: undefined,
};
const wish = wishFor(input);

it('the lines for an empty node', () => {
  expect(printedLines(wish, 'provision')).toEqual([
    "pveum role add TacetGuest --privs 'VM.Audit VM.Snapshot VM.Backup Datastore.AllocateSpace Datastore.Audit'",
    'pveum user add tacet@pve --comment Tacet',
    "pveum user token add tacet@pve guest-101 --privsep 1 --comment 'Tacet: guest 101'",
    "pveum acl modify /vms/101 --roles TacetGuest --users tacet@pve --tokens 'tacet@pve!guest-101'",
    "pveum acl modify /storage/local --roles TacetGuest --users tacet@pve --tokens 'tacet@pve!guest-101'",
  ]);
});

it('the lines for a new secret grant again what the token loses with its deletion', () => {
  expect(printedLines(wish, 'rotate')).toEqual([
    'pveum user token delete tacet@pve guest-101',
    "pveum user token add tacet@pve guest-101 --privsep 1 --comment 'Tacet: guest 101'",
    "pveum acl modify /vms/101 --roles TacetGuest --tokens 'tacet@pve!guest-101'",
    "pveum acl modify /storage/local --roles TacetGuest --tokens 'tacet@pve!guest-101'",
  ]);
});

it('lines that take something away', () => {
  expect(pveumLine({ kind: 'withdraw', path: '/vms/101', role: 'TacetGuest', userId: 'tacet@pve' })).toBe(
    'pveum acl delete /vms/101 --roles TacetGuest --users tacet@pve',
  );
  expect(pveumLine({ kind: 'set-role', role: 'TacetGuest', privileges: ['VM.Audit', 'VM.Backup'] })).toBe(
    "pveum role modify TacetGuest --privs 'VM.Audit VM.Backup'",
  );
});

it('a shell takes each word for what it is', () => {
  const nasty = 'it\'s $HOME `id` \\ " !x';
  const line = pveumLine({ kind: 'create-user', userId: 'a b@pve', comment: nasty });
  const script = `pveum() { printf '%s\\n' "$@"; }; ${line}`;
  expect(execFileSync('sh', ['-c', script]).toString()).toBe(`user\nadd\na b@pve\n--comment\n${nasty}\n`);
});

it('the lines in the guide are the ones that are printed', () => {
  const guide = readFileSync(new URL('../../../../docs/guides/tokens.md', import.meta.url), 'utf8');
  const blocks = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, lines = '']) => lines.trimEnd());
  const withRestore = wishFor({
    ...input,
    restore: {
      targets: [201],
      storages: ['local-lvm'],
      bridges: ['vmbr0'],
      inPlace: false,
      copyNetwork: false,
      drill: undefined,
    },
  });
  expect(blocks).toContain(printedLines(withRestore, 'provision').join('\n'));
  expect(blocks).toContain(printedLines(wish, 'rotate').join('\n'));
  const state = fulfilled(wishFor({ ...input, guests: [101, 102] }));
  const { steps } = planRevoke(state, wish.userId, wish.tokens, new Set());
  expect(blocks).toContain(steps.map(pveumLine).join('\n'));
});
