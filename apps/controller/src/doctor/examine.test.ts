import { describe, expect, it } from 'vitest';
import { failed } from './attempt.ts';
import type { Check } from './check.ts';
import { clockSkew } from './checks/clock-skew.ts';
import { tokenAccepted } from './checks/token-accepted.ts';
import { tokenScope } from './checks/token-scope.ts';
import { examine } from './examine.ts';
import type { GuestFacts, HouseFacts, NodeFacts, TokenFacts } from './facts.ts';

const node: NodeFacts = {
  name: 'pve1',
  url: 'https://pve1:8006',
  trust: 'fingerprint',
  clock: { ok: true, value: { nodeMs: 100_000, sentAtMs: 100_400, receivedAtMs: 100_500 } },
  shared: undefined,
  restore: undefined,
  hook: { kind: 'elsewhere' },
  guests: [101],
};
const guest = (permissions: Record<string, Record<string, boolean>>): GuestFacts => ({
  vmid: 101,
  speaker: 'pve1',
  place: { ok: true, value: { node: 'pve1', type: 'lxc' } },
  token: { id: 'tacet@pve!guest-101', tier: 'guest', permissions: { ok: true, value: permissions }, acl: [] },
  restore: undefined,
  backupStorage: 'local',
  restoreStorage: undefined,
  config: failed(new Error('not asked')),
  canSnapshot: failed(new Error('not asked')),
  boundary: [],
  agent: undefined,
});
const house: HouseFacts = {
  controllerVersion: '1.2.3',
  hasRetention: false,
  nodes: [node],
  storages: [],
  guests: [],
};

const at = (nodeMs: number, sentAtMs: number, receivedAtMs: number) =>
  clockSkew.node?.({ ...node, clock: { ok: true, value: { nodeMs, sentAtMs, receivedAtMs } } }, house);

const excess = (permissions: Record<string, Record<string, boolean>>, of = house): readonly string[] => {
  const judgement = tokenScope.guest?.(guest(permissions), of);
  return Array.isArray(judgement) ? judgement.flatMap(({ evidence = [] }) => evidence) : [];
};

describe('an examination', () => {
  it('tells apart what is in order, what was found, what is not known, and what does not apply', () => {
    const found = { id: 'clock-skew', message: 'm', remedy: 'r' } as const;
    const judgements: readonly ReturnType<NonNullable<Check['node']>>[] = [
      [],
      [{ ...found, severity: 'notice' }],
      [{ ...found, severity: 'error', commands: ['a line'] }],
      { notKnown: 'nobody says' },
      'not-applicable',
    ];
    const checks = judgements.map((judgement): Check => ({ what: 'w', finds: [], node: () => judgement }));
    const { findings, notKnown, examined } = examine(house, checks, 1);
    expect(examined).toEqual({ nodes: 1, storages: 0, guests: 0, points: 4, inOrder: 1 });
    expect(findings.map(({ severity, commands }) => [severity, commands])).toEqual([
      ['error', ['a line']],
      ['notice', []],
    ]);
    expect(notKnown).toEqual([{ about: { kind: 'node', node: 'pve1' }, what: 'w', because: 'nobody says' }]);
  });
});

const restoreToken = (permissions: Record<string, Record<string, boolean>>): TokenFacts => ({
  id: 'tacet@pve!restore',
  tier: 'restore',
  permissions: { ok: true, value: permissions },
  acl: [],
});
const reportOf = (facts: Partial<GuestFacts>) =>
  examine({ ...house, guests: [{ ...guest({}), token: undefined, ...facts }] }, [tokenAccepted], 1);

describe('a guest without a token', () => {
  it.each([
    ['an original', undefined, 'error'],
    ['an original beside which copies are made', { '/vms/201': { 'VM.Allocate': true } }, 'error'],
    ['a copy', { '/vms/101': { 'VM.Allocate': true } }, 'warning'],
    ['an original, and a token that may do it to every guest', { '/': { 'VM.Allocate': true } }, 'error'],
    [
      'an original that is listed for another reason',
      { '/vms': { 'VM.Allocate': true }, '/vms/101': { 'VM.Allocate': true } },
      'error',
    ],
    ['an original in the pool of the token', { '/vms/101': { 'VM.Allocate': false } }, 'error'],
  ])('cannot be backed up, which is worth a warning of a copy: %s', (_, held, severity) => {
    const { findings, guests } = reportOf({ restore: held && restoreToken(held) });
    expect(findings).toMatchObject([{ id: 'token-missing', severity }]);
    expect(guests).toMatchObject([{ backupReady: { status: 'False', reason: 'TokenMissing' } }]);
  });

  it('that is a copy is told how it becomes a guest of its own', () => {
    const { findings } = reportOf({ restore: restoreToken({ '/vms/101': { 'VM.Allocate': true } }) });
    expect(findings[0]?.remedy).toContain('--guest 101');
    expect(findings[0]?.commands).toEqual([
      "pveum acl delete /vms/101 --roles TacetRestoreTarget --users tacet@pve --tokens 'tacet@pve!restore'",
    ]);
  });
});

const scopeOf = (permissions: Record<string, Record<string, boolean>>): readonly string[] => {
  const judgement = tokenScope.node?.({ ...node, restore: restoreToken(permissions) }, house);
  return Array.isArray(judgement) ? judgement.flatMap(({ evidence = [] }) => evidence) : [];
};

describe('the token for restores', () => {
  const scratch = { 'VM.Allocate': true, 'VM.Config.Network': true, 'VM.Config.Options': true };

  it('may make and change copies and scratch guests, and nothing that is backed up', () => {
    expect(scopeOf({ '/pool/tacet-drill': scratch, '/vms/201': scratch })).toEqual([]);
    expect(scopeOf({ '/vms/101': scratch })).toEqual([
      'VM.Allocate VM.Config.Network VM.Config.Options on /vms/101',
    ]);
  });
});

describe("the node's clock", () => {
  it('is not taken for wrong because the answer took long, or shows whole seconds', () => {
    expect(at(100_000, 100_999, 101_000)).toEqual([]);
    expect(at(100_000, 99_000, 160_000)).toEqual([]);
  });

  it.each([
    [10_001, 0, []],
    [11_000, 0, ['clock-skew']],
    [0, 12_001, ['clock-skew']],
  ])('at %i ms, when it is %i ms here', (nodeMs, nowMs, ids) => {
    const found = at(nodeMs, nowMs, nowMs + 900);
    expect(Array.isArray(found) ? found.map(({ id }) => id) : found).toEqual(ids);
  });
});

describe("a token's scope", () => {
  it('is its guest, and storages', () => {
    const own = { 'VM.Audit': true, 'VM.Backup': false };
    expect(excess({ '/vms/101': own, '/storage/local': { 'Datastore.Audit': true } })).toEqual([]);
  });

  it('is named once where it is too wide, on the highest path', () => {
    const wide = { 'VM.Audit': true };
    expect(excess({ '/vms': wide, '/vms/101': wide, '/vms/102': wide })).toEqual(['VM.Audit on /vms']);
  });

  it('is named where only a path below has it', () => {
    const wide = { 'VM.Audit': false };
    expect(excess({ '/vms': wide, '/vms/102': { 'VM.Audit': true } })).toEqual([
      'VM.Audit on /vms',
      'VM.Audit on /vms/102',
    ]);
  });

  it('is not too wide by what does not count on a path, which every role brings along', () => {
    const all = { 'VM.Backup': true, 'Datastore.Audit': true, 'SDN.Use': true };
    expect(excess({ '/vms/101': all, '/storage/local': all, '/sdn/zones/localnetwork': all })).toEqual([
      'SDN.Use on /sdn/zones/localnetwork',
    ]);
    expect(excess({ '/': { 'SDN.Use': true } })).toEqual(['SDN.Use on /']);
  });

  it('may prune where a schedule has a retention, and not otherwise', () => {
    const permissions = { '/storage/local': { 'Datastore.Allocate': true } };
    expect(excess(permissions)).toEqual(['Datastore.Allocate on /storage/local']);
    expect(excess(permissions, { ...house, hasRetention: true })).toEqual([]);
  });

  it('has no privilege that a backup does not need', () => {
    expect(excess({ '/vms/101': { 'VM.Audit': true, 'VM.PowerMgmt': true } })).toEqual([
      'VM.PowerMgmt on /vms/101',
    ]);
  });
});
