import type { ComposeProject, ContainerState, Health, ManifestService, RestartPolicy } from '@tacet/protocol';

export interface PostRestoreCommand {
  command: string;
  timeoutMs: number;
}

/** A container as it is now. */
export interface ObservedContainer {
  containerId: string;
  state: ContainerState;
  health: Health;
  restartPolicy: RestartPolicy;
  /** Of its last end; 0 while it runs. */
  exitCode: number;
  /** The engine's word on why its last start failed; empty where it did not. */
  error: string;
  /** How often the engine has started it again by itself. */
  restartCount: number;
  /** Of its last start, epoch milliseconds; 0 when never. */
  startedAt: number;
  /** Label `tacet.heal` is `none`. */
  isLeftAlone: boolean;
  /** By label: what its application has to be told in a restored copy. */
  postRestore: PostRestoreCommand | undefined;
}

export interface AwaitedService {
  service: string;
  because: string;
}

export interface HealPolicy {
  /** Given to containers that ran and have none; `no` leaves them without. */
  missingRestartPolicy: RestartPolicy;
  /**
   * Null after a mere start of the guest or its engine: there what is gone was removed by somebody, and no
   * post-restore command is due.
   */
  restore: { postRestored: ReadonlySet<string> } | null;
}

/** One service, with all that a check may look at. */
export interface Situation {
  service: ManifestService;
  /** Undefined where it is gone. */
  container: ObservedContainer | undefined;
  policy: HealPolicy;
  /** Undefined where it is no compose project, or nobody wrote down where its files are. */
  project: ComposeProject | undefined;
  /** Others wait for it to end: it is not to run for ever. */
  isOneShot: boolean;
  takenAt: number;
  /** The dependency that it waits for before it may start; undefined where it may. */
  awaited: AwaitedService | undefined;
}

export type HealAction =
  | { kind: 'unpause' | 'start' | 'stop' | 'restart' | 'reconnect' | 'start-engine' }
  | { kind: 'set-restart-policy'; policy: RestartPolicy; previous: RestartPolicy }
  | { kind: 'compose-up'; project: ComposeProject }
  | ({ kind: 'run-command' } & PostRestoreCommand);

/** One idempotent step. Without stack and service it is about the engine itself. */
export type HealStep = HealAction & {
  stack: string;
  service: string;
  containerId: string;
  because: string;
  /** To be wanted for so long, without a break, before it is done. */
  patienceMs?: number;
};

export interface HealWait {
  stack: string;
  service: string;
  because: string;
  /** The service of the same stack that has to be there first. */
  on?: string;
  /** After so long without a break it is a finding. */
  giveUpAfterMs?: number;
}

export interface HealPlan {
  /** Steps that may be done now, in any order. Observe again afterwards. */
  steps: HealStep[];
  /** What cannot be stepped towards yet: a start, a health check, a dependency is under way. */
  waiting: HealWait[];
  /** What heal cannot bring back. */
  findings: { stack: string; service: string; because: string }[];
}

/** What one check makes of a situation; undefined where it has nothing to say. */
export type Outcome =
  | { kind: 'step'; action: HealAction; because: string; patienceMs?: number }
  | { kind: 'wait'; because: string; on?: string; giveUpAfterMs?: number }
  | { kind: 'finding'; because: string }
  /** It is as it should be, and no later check is asked. */
  | { kind: 'settled' };

export type HealCheck = (situation: Situation) => Outcome | undefined;

/** Paused and restarting count as running: somebody wanted it to run. */
export function ran({ state }: Pick<ManifestService, 'state'>): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

/** By a SIGKILL or a SIGTERM, as `docker stop` ends a container. */
const exitCodesOfStop: ReadonlySet<number> = new Set([0, 137, 143]);

/**
 * Whether somebody wanted it not to run. One that gave up under `on-failure` has failed by itself; under the
 * other policies the engine lets nothing rest that nobody stopped, or nobody cares.
 */
export function wasStoppedOnPurpose({ state, restartPolicy, exitCode }: ManifestService): boolean {
  if (ran({ state }) || state === 'removing') return false;
  return !(restartPolicy === 'on-failure' && exitCode !== null && !exitCodesOfStop.has(exitCode));
}
