import { ForbiddenError, type ProxmoxClient, UnreachableError } from '@tacet/proxmox';
import { type Clock, TacetError } from '@tacet/runtime';
import type { KeyRing } from '@tacet/runtime/sealing';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';
import { type AccessState, readAccessState } from './access-state.ts';
import { asCliError } from './node-error.ts';
import { perform } from './perform.ts';
import { type Plan, planProvision } from './plan.ts';
import { planRevoke } from './plan-revoke.ts';
import type { Request } from './request.ts';
import { describeStep, type Step } from './step.ts';
import type { Wish } from './wish.ts';

export interface Reconciliation {
  readonly request: Request;
  readonly wish: Wish;
  /** Tokens whose secret is in its file. */
  readonly stored: ReadonlySet<string>;
  /** What new secrets are sealed with; in clear without. */
  readonly keys: KeyRing | undefined;
  readonly client: ProxmoxClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told as it happens. */
  readonly onStep: (step: Step) => void;
  /** What a failure left undone. */
  readonly onLeft: (steps: readonly Step[]) => void;
}

export interface Reconciled {
  /** What there was to do at first, or what stood in the way at last. */
  readonly plan: Plan;
  /** Nothing where there are obstacles, or in a dry run. */
  readonly done: readonly Step[];
  /** Of the tokens that were made. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** A lost answer is no reason to give up: what has happened shows in the state, and the rest is planned anew. */
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/** @throws CliError that says what was done when it stops half-way */
export async function reconcile(input: Reconciliation): Promise<Reconciled> {
  const { request, wish, client, signal, clock } = input;
  const rotate = new Set(request.mode === 'rotate' ? wish.tokens.map(({ tokenId }) => tokenId) : []);
  const done: Step[] = [];
  const secrets = new Map<string, string>();
  let first: Plan | undefined;
  for (let attempt = 1; ; attempt += 1) {
    let left: readonly Step[] = [];
    try {
      const state = await readAccessState(client.access, wish.userId, signal);
      const plan = planFrom(state, input, rotate, new Set([...input.stored, ...secrets.keys()]));
      if (request.dryRun || plan.obstacles.length > 0) return { plan, done, secrets };
      first ??= plan;
      left = plan.steps;
      for (const step of plan.steps) {
        signal.throwIfAborted();
        const secret = await perform(step, client.access, input.keys);
        left = left.slice(1);
        done.push(step);
        if (step.kind === 'delete-token') rotate.delete(step.tokenId);
        if (step.kind === 'create-token' && secret !== undefined) secrets.set(step.tokenId, secret);
        input.onStep(step);
      }
      return { plan: first, done, secrets };
    } catch (error) {
      if (!(error instanceof UnreachableError) || signal.aborted || attempt === ATTEMPTS) {
        input.onLeft(left);
        throw stopped(error, done, left[0], signal);
      }
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}

function planFrom(
  state: AccessState,
  { request, wish, clock }: Reconciliation,
  rotate: ReadonlySet<string>,
  stored: ReadonlySet<string>,
): Plan {
  if (request.mode === 'revoke') return planRevoke(state, wish.userId, wish.tokens, stored);
  return planProvision(state, wish, { stored, rotate, fixRoles: request.fixRoles, nowMs: clock.now() });
}

const GO_ON = 'Run the same command again: it goes on from what is there.';

function stopped(error: unknown, done: readonly Step[], at: Step | undefined, signal: AbortSignal): CliError {
  const sofar = done.length === 0 ? 'nothing was changed' : `done: ${done.map(describeStep).join('; ')}`;
  const where = at === undefined ? 'stopped' : `could not ${describeStep(at)}`;
  const message = `${where} (${sofar})`;
  if (signal.aborted) {
    return new CliError(message, exitCodes.interrupted, { code: 'interrupted', hint: GO_ON });
  }
  return asCliError(error, { message, hint: [hintOf(error), GO_ON].join(' ').trim(), cause: error });
}

function hintOf(error: unknown): string {
  if (error instanceof ForbiddenError) {
    return 'It takes an administrator: Sys.Modify on /access for roles, User.Modify on /access for users and tokens, Pool.Allocate on a pool, Permissions.Modify on each path.';
  }
  return error instanceof TacetError ? (error.hint ?? '') : '';
}
