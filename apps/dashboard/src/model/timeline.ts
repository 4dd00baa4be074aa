import type { Operation, ServiceEvidence, Verdict } from '@tacet/protocol';
import { stallOf } from './verdict.ts';

type Step = Operation['steps'][number];

export interface Phase {
  readonly name: 'prepare' | 'hold' | 'snapshot' | 'thaw' | 'archive';
  readonly words: string;
  readonly startedAt: number;
  /** Null for one that still goes on. */
  readonly endedAt: number | null;
  /** Writes stand still during it. */
  readonly stalls: boolean;
}

/**
 * What a backup spent its time with, from the steps that its operation recorded. A phase whose end was never
 * recorded is left out: a backup that held nothing has only its archive. Times are the controller's.
 */
export function phasesOf({ startedAt, steps, finishedAt }: Operation): Phase[] {
  const at = (name: string): number | undefined => steps.find((step) => step.name === name)?.at;
  const prepared = at('prepared');
  const held = at('held');
  const requested = at('requested');
  const archive = at('archive');
  const thawed = at('thawed');
  const ended = at('verdict') ?? finishedAt ?? null;
  const phases: (Phase | undefined)[] = [
    phase('prepare', 'flushed, while writes went on', startedAt, prepared, false),
    phase('hold', 'every service brought to a stand', prepared, held, true),
    phase('snapshot', 'the snapshot taken', held ?? requested, archive, held !== undefined),
    phase('thaw', 'released, and checked', held === undefined ? undefined : archive, thawed, true),
    archive === undefined
      ? undefined
      : {
          name: 'archive',
          words: 'the archive written from the snapshot',
          startedAt: Math.max(archive, (held !== undefined && thawed) || archive),
          endedAt: ended,
          stalls: false,
        },
  ];
  return phases.filter((one) => one !== undefined);
}

function phase(
  name: Phase['name'],
  words: string,
  startedAt: number | undefined,
  endedAt: number | undefined,
  stalls: boolean,
): Phase | undefined {
  if (startedAt === undefined || endedAt === undefined || endedAt < startedAt) return undefined;
  return { name, words, startedAt, endedAt, stalls };
}

/** One service's stall within the hold of all; fractions of the whole width, for a drawing. */
export interface StallBar {
  readonly service: ServiceEvidence;
  readonly stallMs: number | null;
  readonly from: number;
  readonly to: number;
}

export interface StallChart {
  readonly bars: readonly StallBar[];
  /** From the first service that was held to the last that was thawed. */
  readonly spanMs: number;
}

/** By the agent's clock, which alone saw when each service was held and thawed. */
export function stallChart({ services }: Verdict): StallChart | null {
  const first = Math.min(...services.map(({ holdStartedAt }) => holdStartedAt));
  const last = Math.max(...services.map(({ thawedAt, heldAt }) => thawedAt ?? heldAt));
  const spanMs = last - first;
  if (services.length === 0 || !(spanMs > 0)) return null;
  const bars = services
    .map((service) => ({
      service,
      stallMs: stallOf(service),
      from: (service.holdStartedAt - first) / spanMs,
      to: ((service.thawedAt ?? last) - first) / spanMs,
    }))
    .toSorted((a, b) => (b.stallMs ?? Infinity) - (a.stallMs ?? Infinity) || 0);
  return { bars, spanMs };
}

/** Words for the steps that an operator meets; others keep the name that the controller gave them. */
const stepWords: Record<string, string> = {
  prepared: 'Prepared',
  held: 'Held',
  'not-held': 'Not held',
  requested: 'Requested',
  snapshot: 'Snapshot',
  archive: 'Archive',
  thawed: 'Thawed',
  verdict: 'Verdict',
  waiting: 'Waiting',
  ordered: 'Ordered',
  restoring: 'Restoring',
  restored: 'Restored',
  started: 'Started',
  adopted: 'Adopted',
  healing: 'Healing',
  ready: 'Ready',
};

export function stepTitle({ name }: Pick<Step, 'name'>): string {
  const words = stepWords[name] ?? name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const troubles =
  /^(not-held|prepare-failed|renew-failed|hold-too-long|thaw-unanswered|request-lost|node-lost|node-says|notes-not-written|archive-not-found|storage-unknown|not-stopped|thawed-now|cancel-asked)$/;

/** Steps that say that something did not go as it should. */
export function isTrouble({ name }: Pick<Step, 'name'>): boolean {
  return troubles.test(name);
}
