import type { Clock } from '@tacet/runtime';
import type { MiddlewareHandler } from 'hono';
import type { Metrics } from '../metrics/metrics.ts';
import type { RouteTable } from './route-table.ts';

/** By route, never by path: what is asked for must not make new series. */
export function requestTimes(
  { metrics, clock }: { metrics: Metrics; clock: Clock },
  routes: RouteTable,
): MiddlewareHandler {
  return async (c, next) => {
    const startedMs = clock.monotonicMs();
    await next();
    const route = routes.of(c)?.path ?? 'other';
    const method = route === 'other' ? 'other' : c.req.method;
    metrics.request({ method, route, code: c.res.status }, clock.monotonicMs() - startedMs);
  };
}
