import type { RequestResult, ServiceEvidence, Verdict } from '@tacet/protocol';
import { type QuiesceWindow, stallMs } from '../jobs/quiesce-window.ts';

// The lines that the hook script writes into the log of vzdump's task.

/** How many are named; the rest is an ellipsis. */
const NAMED = 3;

export function preparedLine({ plan, prepareMs }: QuiesceWindow): string {
  return `prepared ${count(plan?.services.length ?? 0)} in ${Math.round(prepareMs ?? 0)} ms, while writes went on`;
}

/** `held 3 services in 41 ms (postgres 28, redis 9, …)`, the slowest first. */
export function heldLine({ held }: QuiesceWindow): string {
  const services = held?.services ?? [];
  const names = slowest(services, ({ holdStartedAt, heldAt }) => heldAt - holdStartedAt);
  return `held ${count(services.length)} in ${Math.round(held?.tookMs ?? 0)} ms${names}`;
}

export function thawedLine(thawed: RequestResult<'thaw'> | undefined): string {
  if (thawed === undefined) return 'the thaw was sent; nobody has answered it so far';
  const { services, failures, releasedBy } = thawed;
  const problem = failures.map(({ message }) => message).join('; ');
  const by =
    releasedBy === 'controller' || releasedBy === null ? '' : ` (it had ended before: ${releasedBy})`;
  const longest = Math.max(0, ...services.map((service) => stallMs(service) ?? 0));
  const stall = `writes had stalled for ${longest} ms${slowest(services, (service) => stallMs(service) ?? 0)}`;
  return thawed.thawed ? `thawed; ${stall}${by}` : `not everything thawed: ${problem}`;
}

export function verdictLine({ consistency, message }: Verdict): string {
  return `${consistency}-consistent: ${message}`;
}

function slowest(services: readonly ServiceEvidence[], msOf: (service: ServiceEvidence) => number): string {
  if (services.length === 0) return '';
  const one = new Set(services.map(({ stack }) => stack)).size === 1;
  const named = services
    .map((service) => ({ service, ms: msOf(service) }))
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, NAMED)
    .map(({ service: { stack, service }, ms }) => `${one ? service : `${stack}/${service}`} ${ms}`);
  return ` (${[...named, ...(services.length > NAMED ? ['…'] : [])].join(', ')})`;
}

function count(services: number): string {
  return services === 1 ? '1 service' : `${services} services`;
}
