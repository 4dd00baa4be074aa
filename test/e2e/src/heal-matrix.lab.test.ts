import { installAgent } from '@tacet/demo';
import { type Guest, type Lab, labObstacle, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import {
  agentLog,
  containersOf,
  healRecordOf,
  idleCommand,
  inGuest,
  quiesceRecordOf,
  snapshotHeld,
  untilHealed,
} from './healing-guest.ts';

// What the snapshot caught × restart policy × whether it ran: one guest with a container for each, one hold,
// one restore; and a restore of that restore, in the middle of its heal.

const obstacle = labObstacle();
const within = (ms: number) => AbortSignal.timeout(ms);

const policies = ['no', 'on-failure', 'unless-stopped', 'always'] as const;

/** How the snapshot catches a container that ran: by the hold that its label asks for. */
const catches = [
  { caught: 'running', image: 'nginx:1', label: 'freeze', actions: ['freeze'] },
  { caught: 'paused', image: 'nginx:1', label: 'pause', actions: ['pause'] },
  { caught: 'stopped', image: 'nginx:1', label: 'stop', actions: ['stop'] },
  { caught: 'held by a lock', image: 'redis:8', label: 'redis', actions: ['freeze', 'lock'] },
] as const;

interface Cell {
  name: string;
  caught: string;
  policy: (typeof policies)[number];
  ran: boolean;
  image: string;
  label: string;
  actions: readonly string[];
}

const cells: Cell[] = catches.flatMap(({ caught, ...how }) =>
  policies.flatMap((policy) =>
    [true, false].map((ran) => {
      const name = `${caught.replaceAll(' ', '-')}_${policy}_${ran ? 'ran' : 'stopped'}`;
      return { ...how, caught, policy, ran, name };
    }),
  ),
);

/** Where the manifest says that a container ends: its state and its restart policy. */
const wanted = ({ ran, policy }: Cell): [string, string] => [
  ran ? 'running' : 'exited',
  ran && policy === 'no' ? 'unless-stopped' : policy,
];

describe.skipIf(obstacle !== undefined)(
  `a restored guest${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let original: Guest;
    let copy: Guest;
    const table = new Map<string, string[]>();

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      original = await lab.createGuest({ vmid: 141, hostname: 'matrix' });
      await installAgent(original);
      await original.start();
      await original.waitForEngine(within(120_000));
      await runAll(original);
      await inGuest(original, ['systemctl', 'enable', '--now', '--quiet', 'tacet-agent']);
      await snapshotHeld(original, 'held');
      // The copies have the machine to themselves.
      await original.stop();
    });
    afterAll(async () => {
      const head = [
        'what the snapshot caught',
        'policy',
        'before',
        'wanted',
        'restored',
        'mid-heal',
        'rebooted',
      ];
      const rows = cells.map((cell) => [
        cell.caught,
        cell.policy,
        cell.ran ? 'ran' : 'stopped on purpose',
        wanted(cell).join(', '),
        ...(table.get(cell.name) ?? []),
      ]);
      console.log([head, ...rows].map((row) => row.map((text) => text.padEnd(25)).join('')).join('\n'));
      await cleanup.disposeAsync();
    });

    it('caught each container as its row says', async () => {
      copy = await lab.restoreGuest({ vmid: 241, snapshot: { vmid: 141, name: 'held' }, unique: true });
      const { state, steps } = await quiesceRecordOf(copy);
      expect(state).toMatch(/^hold/);
      const actions = cells.map(({ name }) => [
        name,
        steps
          .flat()
          .filter(({ service }) => service === name)
          .map(({ action }) => action)
          .toSorted(),
      ]);
      expect(actions).toEqual(cells.map(({ name, ran, actions: how }) => [name, ran ? [...how] : []]));
    });

    it('ends where the manifest says, and so does a copy of it in the middle of its heal', async () => {
      tellOnFailure(() => copy);
      await copy.start();
      await expect.poll(() => agentLog(copy), { timeout: 120_000, interval: 100 }).toContain('started ');
      await copy.snapshot('healing');
      const record = await untilHealed(copy);
      expect(record.findings).toEqual([]);
      await expectAllWhereWanted(copy);
    });

    it('ends where the manifest says, restored from the middle of a heal', async () => {
      const second = await lab.restoreGuest({
        vmid: 242,
        snapshot: { vmid: 241, name: 'healing' },
        unique: true,
      });
      tellOnFailure(() => second);
      const interrupted = JSON.parse((await second.readFile('/var/lib/tacet/journal/heal.json')).toString());
      expect(interrupted).toMatchObject({ vmid: 241, finishedAt: null });
      await copy.freeze();
      try {
        await second.start();
        const record = await untilHealed(second);
        expect(record.findings).toEqual([]);
        await expectAllWhereWanted(second);
      } finally {
        await second.destroy();
        await copy.unfreeze();
      }
    });

    it('ends there again after a plain reboot', async () => {
      tellOnFailure(() => copy);
      const healedAt = (await healRecordOf(copy))?.finishedAt;
      await copy.shutdown(undefined, 120_000);
      await copy.start();
      await copy.waitForEngine(within(120_000));
      const expected = Object.fromEntries(cells.map((cell) => [cell.name, wanted(cell)]));
      const now = async () => ofCells(await containersOf(copy));
      await expect.poll(now, { timeout: 120_000, interval: 1_000 }).toEqual(expected);
      note(await containersOf(copy));
      // By what it last saw, not by the backup of long ago.
      expect((await healRecordOf(copy))?.finishedAt).toBe(healedAt);
      expect(await agentLog(copy)).toContain('the guest was started again');
    });

    it('gives restart policies back', async () => {
      const undone = await inGuest(copy, ['tacet-agent', 'restart-policy', 'undo']);
      const enforced = cells.filter(({ ran, policy }) => ran && policy === 'no').map(({ name }) => name);
      for (const name of enforced) expect(undone).toContain(`${name}: no again, instead of unless-stopped`);
      const now = await containersOf(copy);
      expect(enforced.map((name) => now.get(name))).toEqual(enforced.map(() => ['running', 'no']));
      expect(await inGuest(copy, ['tacet-agent', 'restart-policy', 'list'])).toContain('no restart policy');
    });

    async function expectAllWhereWanted(guest: Guest): Promise<void> {
      const now = await containersOf(guest);
      note(now);
      expect(ofCells(now)).toEqual(Object.fromEntries(cells.map((cell) => [cell.name, wanted(cell)])));
    }

    function note(now: ReadonlyMap<string, readonly string[]>): void {
      for (const { name } of cells) {
        table.set(name, [...(table.get(name) ?? []), now.get(name)?.join(', ') ?? 'gone']);
      }
    }
  },
);

/** Without the one that is only there to take its time. */
function ofCells(now: ReadonlyMap<string, readonly string[]>): Record<string, readonly string[] | undefined> {
  return Object.fromEntries(cells.map(({ name }) => [name, now.get(name)]));
}

/** In one shell, because each command from outside takes longer than a container. */
async function runAll(guest: Guest): Promise<void> {
  const quoted = idleCommand.map((word) => `'${word}'`).join(' ');
  const lines = cells.map(({ name, policy, image, label }) => {
    const run = `docker run --detach --name ${name} --restart ${policy} --label tacet.method=${label} ${image}`;
    return image.startsWith('redis') ? run : `${run} ${quoted}`;
  });
  // Heal waits for its health: long enough for somebody to look into the middle of it.
  lines.push(
    'docker run --detach --name slow --health-interval 1s --health-retries 100 --health-cmd "test -e /dev/shm/up" ' +
      `nginx:1 sh -c 'sleep 20; touch /dev/shm/up; trap "exit 0" TERM QUIT; sleep infinity & wait'`,
  );
  const stopped = cells.filter(({ ran }) => !ran).map(({ name }) => name);
  const script = ['set -e', ...lines, `docker stop ${stopped.join(' ')}`].join('\n');
  await inGuest(guest, ['sh', '-c', script], 300_000);
}

function tellOnFailure(guest: () => Guest): void {
  onTestFailed(async () => {
    process.stderr.write(`--- the agent of guest ${guest().vmid}\n${await agentLog(guest())}\n`);
  });
}
