import type { Backup, ComingBack, Guest, ServiceEvidence } from '@tacet/protocol';

export interface Content {
  readonly stack: string;
  readonly service: string;
  /** The engine by name and version, else the image, where one is known. */
  readonly what: string | null;
  /** How it comes back, and how it stood at the snapshot. */
  readonly words: string;
  /** Whether it stood still then. */
  readonly wasHeld: boolean;
  /** False where the guest has no service of that name now. */
  readonly isHereNow: boolean;
}

export interface Contents {
  readonly services: readonly Content[];
  /** What is in the guest now and was not then, as `shop/web`. */
  readonly onlyNow: readonly string[];
}

type Named = Pick<ComingBack, 'stack' | 'service'>;

/**
 * What a restore of this backup brings back: as the manifest says that it carries, else as its verdict does; null where
 * no agent was there to write either.
 */
export function contentsOf({ verdict }: Backup, guest: Guest | undefined): Contents | null {
  const { services: held, uncovered, comingBack } = verdict;
  const listed: readonly Named[] = comingBack ?? [...held, ...uncovered];
  if (listed.length === 0 && comingBack === undefined) return null;
  const now = new Set(guest?.services.map(nameOf));
  const services = listed.map((one): Content => {
    const evidence = held.find(isSame(one));
    const manifest = comingBack?.find(isSame(one));
    const left = uncovered.find(isSame(one));
    const stood =
      evidence === undefined ? (left === undefined ? null : `not held: ${left.reason}`) : standing(evidence);
    return {
      stack: one.stack,
      service: one.service,
      what: evidence?.engine ?? manifest?.image ?? null,
      words: [manifest && outcome(manifest), stood].filter(Boolean).join(', '),
      wasHeld: evidence?.intactUntilThaw === true,
      isHereNow: now.has(nameOf(one)),
    };
  });
  const then = new Set(listed.map(nameOf));
  return {
    services: services.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))),
    onlyNow: [...now].filter((name) => !then.has(name)).toSorted(),
  };
}

/** What healing makes of it. */
function outcome({ state, restartPolicy }: ComingBack): string {
  if (state === 'running' || state === 'restarting') {
    return restartPolicy === 'no' ? 'runs again, and is given a restart policy' : 'runs again';
  }
  return state === 'paused' ? 'stays paused' : 'stays stopped, as it was';
}

function standing({ method, intactUntilThaw, behindSince, heldAt }: ServiceEvidence): string {
  if (intactUntilThaw !== true) return 'no longer held at the thaw: as after a power cut';
  const behind =
    behindSince === null
      ? ''
      : `, behind the last acknowledged write by ${Math.max(0, heldAt - behindSince)} ms`;
  return `held by ${method}${behind}`;
}

function isSame(one: Named): (other: Named) => boolean {
  return ({ stack, service }) => stack === one.stack && service === one.service;
}

function nameOf({ stack, service }: Named): string {
  return stack === '' ? service : `${stack}/${service}`;
}
