import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backupListSchema } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import {
  type Block,
  blocksOf,
  commandsOf,
  isCommands,
  isMachine,
  machines,
  pages,
  workspace,
} from './blocks.ts';
import {
  adminToken,
  copyCertificate,
  type DocumentedHouse,
  type DocumentedNode,
  openHouse,
  openNode,
  password,
  waitForGuest,
} from './documented-house.ts';
import { type Ended, makeRoot, removeRoot, sandboxObstacle, typeInto } from './sandbox.ts';
import { type StandIn, startStandIns, writeProgram } from './stand-ins.ts';

const all = pages().flatMap(blocksOf);
const commands = all.filter(isCommands);
const nameOf = ({ page, line }: Block): string => `${page}:${line}`;

/** Pages whose commands another test runs. */
const runElsewhere: Readonly<Record<string, string>> = {
  'docs/guides/start.md': 'test/e2e/src/packages.lab.test.ts',
  'docs/guides/controller-recovery.md': 'test/e2e/src/recovery/controller-recovery.test.ts',
};

/** Blocks that no test runs, by how they begin. */
const notRun: readonly { page: string; begins: string; because: string }[] = [
  {
    page: 'docs/guides/restore.md',
    begins: 'nft -f -',
    because: 'the page says itself that it was tried nowhere, and no recording has a firewall',
  },
  {
    page: 'docs/guides/notifications.md',
    begins: '$ tacet notifications set phone',
    because: 'it would have somebody’s telephone ring, by a service that tests do not call',
  },
];
const byMachine: Readonly<Record<string, string>> = {
  checkout: 'these sources run themselves here, some of it for an hour',
  docker:
    'it takes an engine and a base image; test/e2e/src/container.lab.test.ts does the same in a real guest',
};
const reasonOf = (block: Block): string | undefined =>
  byMachine[block.mark ?? ''] ??
  notRun.find(({ page, begins }) => page === block.page && block.text.startsWith(begins))?.because;

const left = commands.filter((block) => reasonOf(block) !== undefined);
const run = commands.filter(
  (block) => reasonOf(block) === undefined && runElsewhere[block.page] === undefined,
);

describe('every command in the documentation', () => {
  it('stands in a block that says on which machine it is typed', () => {
    const words = Object.keys(machines).map((word) => `<!-- ${word} -->`);
    const unmarked = commands.filter(({ mark }) => !isMachine(mark)).map(nameOf);
    expect(unmarked.map((name) => `${name} needs one of ${words.join(', ')} before it`)).toEqual([]);
  });

  it('does not hide in a block that is not one of commands', () => {
    const typed =
      /^(\$ |# )?(sudo |tacet(-agent|-controller)? |npm |node |pct |qm |pveum |pvesh |systemctl |apt |docker |curl )/m;
    const hiding = all
      .filter(
        ({ language, text }) =>
          (language === '' && typed.test(text)) || (language === 'text' && /^\$ /m.test(text)),
      )
      .map(nameOf);
    expect(hiding.map((name) => `${name} needs the language sh, console, or text`)).toEqual([]);
  });

  it('is written so that a shell can read it', () => {
    const wrong = commands.flatMap((block) => {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: commandsOf(block) });
      return status === 0 ? [] : [`${nameOf(block)}: ${stderr.toString()}`];
    });
    expect(wrong).toEqual([]);
  });

  it('is run, or not run for a reason that still holds', () => {
    const stale = notRun.filter(
      ({ page, begins }) => !left.some((one) => one.page === page && one.text.startsWith(begins)),
    );
    expect(stale).toEqual([]);
    for (const [page, test] of Object.entries(runElsewhere)) {
      expect(readFileSync(join(workspace, test), 'utf8')).toContain(page.split('/').at(-1));
    }
    expect(run.length).toBeGreaterThan(20);
  });

  for (const block of left) {
    it(`at ${nameOf(block)} is NOT RUN: ${reasonOf(block)}; what it names is there`, () => {
      const { scripts } = JSON.parse(readFileSync(join(workspace, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
      };
      const text = commandsOf(block);
      const named = [...text.matchAll(/^npm (?:run (?:--silent )?)?([a-z]+)/gm)].map(
        ([, script = '']) => script,
      );
      expect(named.filter((script) => !(script in scripts))).toEqual([]);
      const files = [...text.matchAll(/[\w./-]+\.(?:ts|mjs)\b/g)].map(([file]) => file);
      expect(files.filter((file) => !existsSync(join(workspace, file)))).toEqual([]);
    });
  }
});

/** What a block finds besides the house, and what is put in for the words that a reader fills in. */
interface Scene {
  readonly house: DocumentedHouse;
  readonly node: DocumentedNode;
  readonly home: string;
  readonly root: string;
  readonly page: string;
}

interface Setting {
  /** A node that Tacet was never on, and no controller. */
  readonly bare?: true;
  readonly agentUrl?: string;
  readonly stepMs?: number;
  readonly prepare?: (scene: Scene) => Promise<Readonly<Record<string, string>> | undefined>;
  readonly stdin?: string;
}

const controllerAddress = '192.0.2.10:8443';

/** By page and section; what is not here is typed in the house as it stands. */
const settings: Readonly<Record<string, Setting>> = {
  'docs/guides/doctor.md#': {
    prepare: async ({ house }) => {
      await house.api.call('POST', '/api/v1/doctor', {});
      return undefined;
    },
  },
  'docs/guides/access.md#Tokens': {
    agentUrl: `https://${controllerAddress}`,
    prepare: async ({ house, home }) => {
      await copyCertificate(house.controller, home);
      const local = new URL(house.controller.url).host;
      await writeFile(
        join(home, '.curlrc'),
        `connect-to = "${controllerAddress}:${local}"\nfail-with-body\n`,
      );
      return { ADMIN: await adminToken(house.controller) };
    },
  },
  'docs/guides/tokens.md#': { bare: true, stdin: `${password}\n` },
  'docs/guides/tokens.md#What more it needs for more': { bare: true, stdin: `${password}\n` },
  'docs/guides/tokens.md#By hand': { bare: true, stdin: 'a secret\n' },
  'docs/guides/tokens.md#New secrets': { stdin: `${password}\n` },
  'docs/guides/tokens.md#Taking a token back': { stdin: `${password}\n` },
  'docs/guides/restore.md#In place': { prepare: backUp },
  'docs/guides/restore.md#A copy beside it': { prepare: backUp },
  'docs/guides/restore.md#Drills': { prepare: backUp },
  'docs/guides/restore.md#On an empty node, with the controller gone': { prepare: loseTheGuest },
  'docs/guides/disaster-recovery.md#A guest': { prepare: backUp },
  'docs/guides/disaster-recovery.md#The node': { prepare: loseTheGuest },
  'docs/guides/recovery.md#What a killed vzdump leaves': {
    // However busy this machine is, somebody looks while the archive is written.
    stepMs: 20_000,
    prepare: async ({ node: { shell, sim } }) => {
      const backup = { vmid: '101', storage: 'local', mode: 'snapshot' };
      const upid = await shell.start('POST', '/nodes/pve1/vzdump', backup);
      await expect
        .poll(async () => JSON.stringify(await shell.call('GET', '/nodes/pve1/lxc/101/snapshot')), {
          timeout: 60_000,
          interval: 5,
        })
        .toContain('vzdump');
      sim.killWorker(upid);
      return undefined;
    },
  },
  'docs/guides/copies.md#': {
    prepare: async (scene) => {
      await quarantine(scene);
      return undefined;
    },
  },
  'docs/guides/copies.md#Adopt': { prepare: quarantine },
  'docs/guides/copies.md#What it must not share': { prepare: quarantine },
  'docs/guides/copies.md#Dismiss': { prepare: quarantine },
  'docs/guides/schedules.md#': {
    prepare: async ({ home, page }) => {
      const written = blocksOf(page).find(({ language }) => language === 'json');
      await writeFile(join(home, 'nightly.json'), written?.text ?? '');
      return undefined;
    },
  },
  'docs/guides/schedules.md#Beside the jobs of Proxmox VE': { prepare: backUp },
};

async function backUp({ node, house }: Scene): Promise<Readonly<Record<string, string>>> {
  await house.api.call('POST', '/api/v1/guests/101/backups', {});
  let id: string | undefined;
  await expect
    .poll(
      async () => {
        const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups');
        return (id = backups[0]?.id);
      },
      { timeout: 60_000 },
    )
    .toBeDefined();
  await expect
    .poll(() => node.shell.call('GET', '/nodes/pve1/lxc/101/status/current'))
    .not.toHaveProperty('lock');
  return { ID: id ?? '' };
}

/** The archive is there, the guest is not. */
async function loseTheGuest({ node: { shell }, root }: Scene): Promise<undefined> {
  const backup = { vmid: '101', storage: 'local', mode: 'snapshot', compress: 'zstd' };
  await shell.task('POST', '/nodes/pve1/vzdump', backup);
  const [written] = await shell.node.storage.backups({ node: 'pve1', storage: 'local' });
  const dump = join(root, 'var/lib/vz/dump');
  await mkdir(dump, { recursive: true });
  await writeFile(join(dump, written?.volid.split('/')[1] ?? ''), '');
  await shell.task('POST', '/nodes/pve1/lxc/101/status/stop');
  await shell.task('DELETE', '/nodes/pve1/lxc/101');
}

/** Guest 101 once more, as 333, by Proxmox VE's own means. */
async function quarantine(scene: Scene): Promise<Readonly<Record<string, string>>> {
  await backUp(scene);
  const { backups } = await scene.house.api.expect(backupListSchema, 'GET', '/api/v1/backups');
  const copy = {
    vmid: '333',
    ostemplate: backups[0]?.volid ?? '',
    restore: '1',
    storage: 'local-lvm',
    start: '1',
  };
  await scene.node.shell.task('POST', '/nodes/pve1/lxc', copy);
  return { ID: await waitForGuest(scene.house.api, 333, 'quarantined') };
}

const obstacle = sandboxObstacle();
const sections = [...Map.groupBy(run, ({ page, section }) => `${page}#${section}`)];

describe.skipIf(obstacle !== undefined)(
  `typed into a shell, with a controller on a simulated node behind it${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    // They wait for each other's processes more than for the processor.
    it.concurrent.each(sections)('%s', { timeout: 500_000 }, async (name, blocks) => {
      await using undo = new Undo();
      const root = await mkdtemp(join(tmpdir(), 'tacet-typed-'));
      undo.defer(() => removeRoot(root));
      const page = blocks[0]?.page ?? '';
      const setting = settings[name] ?? {};
      await makeRoot(root);
      await furnish(root);
      const home = join(root, 'home');
      const words: Record<string, string> = {};
      let env: Record<string, string> = {};
      let node: DocumentedNode;
      if (setting.bare) {
        node = await openNode(undo, root);
      } else {
        const hook = { socket: join(root, 'run/tacet/hook.sock'), vzdumpConf: join(root, 'etc/vzdump.conf') };
        const house = await openHouse(undo, {
          directory: root,
          hook,
          ...(setting.agentUrl !== undefined && { agentUrl: setting.agentUrl }),
          ...(setting.stepMs !== undefined && { stepMs: setting.stepMs }),
          // What is typed on the node or in a guest asks no agent of a controller.
          withAgents: setting.agentUrl === undefined && blocks.some(({ mark }) => mark === 'controller'),
        });
        node = house;
        const filled = (await setting.prepare?.({ house, node, home, root, page })) ?? {};
        env = { TACET_CONTROLLER: house.controller.clientFile, ...filled };
        Object.assign(words, filled);
      }
      words['https://pve1.example:8006'] = node.sim.url;
      const programs = join(root, 'programs');
      await startStandIns(undo, programs, standInsOf(node));
      await writeTacet(programs, words);
      for (const block of blocks) {
        const ended = await typeInto(
          {
            root,
            programs,
            env: { ...env, FINGERPRINT: node.sim.fingerprint },
            stdin: setting.stdin,
            deadlineMs: 200_000,
          },
          commandsOf(block),
        );
        const failure =
          ended.code === 0 ? undefined : `${nameOf(block)} ended with ${ended.code}:\n${ended.said}`;
        expect(failure).toBeUndefined();
        if (block.language === 'console') expectTheSameShape(block, ended);
      }
    });
  },
);

/** What is on a node and in a guest, as far as the pages' commands look at it. */
async function furnish(root: string): Promise<void> {
  const scope = 'sys/fs/cgroup/system.slice/docker-0123.scope';
  for (const directory of ['etc/tacet', 'etc/prometheus', 'etc/qemu/fsfreeze-hook.d', 'run/tacet', scope]) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await writeFile(join(root, 'etc/vzdump.conf'), '# vzdump default settings\n\n#tmpdir: DIR\n');
  await writeFile(join(root, scope, 'cgroup.freeze'), '0\n');
}

function standInsOf({ shell }: DocumentedNode): Readonly<Record<string, StandIn>> {
  return { pveum: shell.pveum, pct: shell.pct, apt: install };
}

/** Whether there is such a package, nobody here can say offline: these two are in Debian 13. */
const install: StandIn = ([verb = '', ...names]) => {
  const unknown = names.filter((name) => !['qemu-guest-agent', 'sqlite3'].includes(name));
  if (verb !== 'install' || unknown.length > 0) throw new Error(`apt ${verb} ${names.join(' ')}`);
  return Promise.resolve('');
};

/** The real `tacet`. Words that a reader fills in are filled in; and findings are no failure of `tacet doctor`. */
async function writeTacet(programs: string, words: Readonly<Record<string, string>>): Promise<void> {
  const cases = Object.entries(words).map(([word, meant]) => `'${word}') word='${meant}' ;;`);
  const main = join(workspace, 'apps/cli/src/main.ts');
  const lines = [
    'doctor="$1"',
    'for word; do',
    `  case "$word" in ${cases.join(' ')} esac`,
    '  set -- "$@" "$word"; shift',
    'done',
    'status=0',
    `'${process.execPath}' --disable-warning=ExperimentalWarning '${main}' "$@" || status=$?`,
    'case "$doctor.$status" in doctor.3|doctor.5) status=0 ;; esac',
    'exit "$status"',
  ];
  await writeProgram(programs, 'tacet', lines.join('\n'));
}

/** The first line that the page shows, a heading or a first word, is the first that is printed. */
function expectTheSameShape(block: Block, { out }: Ended): void {
  const shown = block.text.split('\n').find((line) => !line.startsWith('$ ')) ?? '';
  const printed = out.split('\n')[0] ?? '';
  const isHeading = /^[a-z ]+$/.test(shown);
  const wordsOf = (line: string): string[] =>
    line
      .trim()
      .split(/\s+/)
      .slice(0, isHeading ? undefined : 1);
  expect([nameOf(block), ...wordsOf(printed)]).toEqual([nameOf(block), ...wordsOf(shown)]);
}
