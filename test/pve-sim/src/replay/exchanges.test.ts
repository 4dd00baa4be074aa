import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Exchange, exchanges } from './fixtures.ts';
import { normaliseText, shapeOf } from './normalise.ts';
import { notCovered, NOT_COVERED } from './not-covered.ts';
import { type RawAnswer, RawClient } from './raw-client.ts';
import { LOGS_NOT_COVERED } from './scenarios.ts';
import {
  FIRST_ACL,
  LATER_ACL,
  plantArchive,
  type RecordedNode,
  ROOT,
  startRecordedNode,
  USERS,
} from './recorded-node.ts';

/**
 * Groups in which a request means something only while another one's task runs, or on guests that another
 * group made: the task logs' scenarios go through them.
 */
const ELSEWHERE = new Set([
  'cleanup',
  'contention',
  'daemon-restart',
  'frozen-guest',
  'hook',
  'latency',
  'task-stop',
  'worker-kill',
]);

/** So that there is a finished task to list. */
const ANY_BACKUP = {
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { vmid: 205, storage: 'local' },
  auth: 'dual@pve!tk',
};

const recorded = exchanges();
const replayed = recorded.filter(({ group }) => !ELSEWHERE.has(group));
const groups = Map.groupBy(replayed, ({ group }) => group);
const missed = new Map<string, Exchange[]>();

describe('answers as Proxmox VE 9.2 does', () => {
  it('has the recordings to compare with', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(590);
    expect(groups.size).toBeGreaterThanOrEqual(15);
  });

  for (const [group, list] of groups) {
    it(`in the recorded group ${group} (${list.length} exchanges)`, async () => {
      await using node = await startFor(group, list);
      await using client = new RawClient(node.sim);
      if (group === 'proxy-errors') await client.finish(await client.send(ANY_BACKUP));
      const differences: string[] = [];
      let compared = 0;
      for (const exchange of list) {
        prepare(node, exchange);
        const answer = await client.send(exchange);
        if (answer.status === 200 && /"UPID:/.test(answer.text) && exchange.method !== 'GET') {
          await client.finish(answer);
        }
        const difference = compare(exchange, answer);
        const reason = notCovered(exchange);
        if (difference === undefined) compared += 1;
        else if (reason === undefined) differences.push(difference);
        else {
          missed.set(reason, [...(missed.get(reason) ?? []), exchange]);
        }
      }
      expect(differences.join('\n\n')).toBe('');
      expect(compared).toBeGreaterThan(0);
    });
  }

  it('names what it does not cover, and nothing that it does', () => {
    const unused = NOT_COVERED.map(({ reason }) => reason).filter((reason) => !missed.has(reason));
    expect(unused).toEqual([]);
  });

  it('says in the documentation what it does not cover', () => {
    const page = readFileSync(new URL('../../../../docs/reference/pve-sim.md', import.meta.url), 'utf8');
    const reasons = [...NOT_COVERED.map(({ reason }) => reason), ...Object.values(LOGS_NOT_COVERED)];
    expect(reasons.filter((reason) => !page.includes(`\n- ${reason}\n`))).toEqual([]);
  });
});

/** The node as it stood when the group was recorded. */
const BEFORE: Readonly<Record<string, Parameters<typeof startRecordedNode>[0]>> = {
  bootstrap: { users: [{ userid: 'root@pam', password: 'ROOT-PASSWORD' }] },
  setup: { roles: {}, users: [ROOT], acl: [], guests: 'none' },
  start: { guests: 'stopped' },
  'acl-setup': { roles: {}, users: [ROOT], acl: [] },
  authz: { acl: FIRST_ACL },
  'reset-baseline': { users: [...USERS, { userid: 'rest@pve' }], pools: { p1: [203, 205] } },
  // `none` has been granted everything below /vms but 201.
  'authz-write': {
    acl: [
      ...LATER_ACL,
      ...['none@pve', 'none@pve!tk'].map((to) => ({ path: '/vms', role: 'BkOp', to })),
      { path: '/vms/201', role: 'NoAccess', to: 'none@pve!tk' },
    ],
  },
};

async function startFor(group: string, list: readonly Exchange[]): Promise<RecordedNode> {
  const node = await startRecordedNode(BEFORE[group]);
  const files = new Set(
    JSON.stringify(list).match(/vzdump-lxc-2\d\d-2026_\d\d_\d\d-\d\d_\d\d_\d\d\.tar\.zst/g),
  );
  for (const file of files) plantArchive(node.backend, file);
  return node;
}

/** Faults of the recorded node that no request of the API causes. */
function prepare({ sim }: RecordedNode, { group, note }: Exchange): void {
  if (group !== 'proxy-errors') return;
  const isDown = note.startsWith('pvedaemon down');
  const hangs = note.startsWith('pvedaemon workers SIGSTOPped');
  sim.setFault('pve1', isDown ? 'daemon-down' : hangs ? 'daemon-hung' : undefined);
  sim.setFault('pve2', 'no-route');
  sim.setFault('pve3', 'refused');
  sim.setFault('pve4', 'no-tls');
}

/** Status, reason and errors word by word; of a success the shape, and of permissions every entry. */
function compare(exchange: Exchange, answer: RawAnswer): string | undefined {
  const isExact = exchange.status !== 200 || /\/(permissions|feature|nextid)$/.test(exchange.path);
  const body = (value: unknown): unknown => (isExact ? value : shapeOf(value));
  const expected = {
    status: exchange.status,
    ...(exchange.reason === null ? {} : { reason: exchange.reason }),
    body: exchange.textBody ?? body(exchange.body),
  };
  const actual = {
    status: answer.status,
    ...(exchange.reason === null ? {} : { reason: answer.reason }),
    body: exchange.textBody === undefined ? body(answer.body) : answer.text,
  };
  const [want, got] = [expected, actual].map((value) => normaliseText(JSON.stringify(sorted(value))));
  const request = `${exchange.line} ${exchange.auth} ${exchange.method} ${exchange.path} ${JSON.stringify(exchange.params ?? {})}`;
  return want === got ? undefined : `${request}\n  recorded ${want}\n  answered ${got}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
