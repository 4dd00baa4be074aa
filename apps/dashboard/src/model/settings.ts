import type { Setting } from '@tacet/protocol';
import { durationOf, plural } from './numbers.ts';

interface Known {
  readonly name: string;
  /** What it is about, for people. */
  readonly words: string;
}

export interface SettingGroup {
  readonly title: string;
  readonly settings: readonly { readonly setting: Setting; readonly words: string }[];
}

const groups: readonly { readonly title: string; readonly known: readonly Known[] }[] = [
  {
    title: 'Holds',
    known: [
      { name: 'leaseMs', words: 'A guest thaws by itself when it has not heard from the controller for' },
      { name: 'maxHoldMs', words: 'Longest wait for a snapshot; then the guest is thawed' },
      { name: 'prepareDeadlineMs', words: 'For the preparation, while writes go on' },
      { name: 'holdDeadlineMs', words: 'For holding everything' },
    ],
  },
  {
    title: 'Backups and restores',
    known: [
      {
        name: 'backupDeadlineMs',
        words: 'For getting a backup started on a busy node, and as long again for its end',
      },
      { name: 'restoreDeadlineMs', words: 'For a restore' },
      { name: 'readyDeadlineMs', words: 'From the start of a restored guest until it is ready' },
      { name: 'hook.socket', words: 'Where the vzdump hook script of this machine calls' },
      { name: 'hook.node', words: 'The node that this machine is' },
      { name: 'hook.vzdumpConf', words: 'The configuration of vzdump that the doctor reads' },
    ],
  },
  {
    title: 'Drills',
    known: [
      { name: 'drill.vmids.from', words: 'Scratch guests have VMIDs from' },
      { name: 'drill.vmids.to', words: 'to' },
      { name: 'drill.network.policy', words: 'Their network' },
      { name: 'drill.network.bridge', words: 'on the bridge' },
      { name: 'drill.pool', words: 'in the pool' },
      { name: 'drill.storage', words: 'with their disks on' },
    ],
  },
  {
    title: 'Agents',
    known: [
      { name: 'agentUrl', words: 'Where they call; what it listens on when left out' },
      { name: 'heartbeatMs', words: 'Between two signs of life' },
      { name: 'sessionTtlMs', words: 'An agent is away after a silence of' },
      { name: 'enrolmentTtlMs', words: 'A command that enrols a guest is good for' },
      { name: 'maxSessions', words: 'Agents at a time' },
    ],
  },
  {
    title: 'Notifications',
    known: [
      {
        name: 'notifications.overdueAfterMs',
        words: 'A backup is told as overdue where no schedule says, after',
      },
      { name: 'notifications.overdueGraceMs', words: 'and after its turn in a schedule, after' },
      { name: 'notifications.notReadyAfterMs', words: 'A guest is told as not ready after' },
    ],
  },
  {
    title: 'This page and the API',
    known: [
      { name: 'listen.address', words: 'It listens on' },
      { name: 'listen.port', words: 'at the port' },
      { name: 'publicUrl', words: 'Browsers call it' },
      { name: 'trustedProxies', words: 'Proxies that are believed about addresses' },
      { name: 'tls.certFile', words: 'Certificate of one’s own' },
      { name: 'loginIdleMs', words: 'A browser that nobody uses is logged out after' },
      { name: 'loginMaxMs', words: 'and any after' },
      { name: 'metricsFromLoopback', words: 'Programs on this machine read /metrics without a token' },
    ],
  },
  {
    title: 'Files',
    known: [
      { name: 'stateDir', words: 'Its store' },
      { name: 'keyFile', words: 'The key of its secrets; beside the store when left out' },
    ],
  },
];

/** In the order in which people look for them; what this page does not know comes last, by its name. */
export function settingGroups(settings: readonly Setting[]): SettingGroup[] {
  const left = new Map(settings.map((setting) => [setting.name, setting]));
  const known = groups.map(({ title, known: names }) => ({
    title,
    settings: names.flatMap(({ name, words }) => {
      const setting = left.get(name);
      left.delete(name);
      return setting === undefined ? [] : [{ setting, words }];
    }),
  }));
  const others = [...left.values()].map((setting) => ({ setting, words: setting.name }));
  return [...known, { title: 'More', settings: others }].filter(({ settings: own }) => own.length > 0);
}

/** `30.0 s`, `yes`, `not set` */
export function valueWords({ name, value }: Setting): string {
  if (value === null) return 'not set';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  if (typeof value === 'number' && name.endsWith('Ms')) {
    const days = value / 86_400_000;
    return days > 2 && Number.isInteger(days) ? plural(days, 'day') : durationOf(value);
  }
  return String(value);
}
