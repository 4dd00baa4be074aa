import type { AuditEntry } from '@tacet/protocol';
import type { Context, MiddlewareHandler } from 'hono';
import type { Clock, Logger } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { Audit } from '../store/audit.ts';
import type { RouteTable } from './route-table.ts';

interface AuditDeps {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Writes down who asked for something that changes something, and what came of it. Not what nobody in particular asked
 * for and was refused unseen: only tries to come in are worth a line.
 */
export function auditTrail({ audit, clock, log }: AuditDeps, routes: RouteTable): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (['GET', 'HEAD', 'OPTIONS'].includes(c.req.method)) return;
    const route = routes.of(c);
    const { principal, auditSubject: subject } = c.var;
    if (route === undefined || (principal === undefined && route.needs !== 'nobody')) return;
    // Locked out: the refusals that led there are written down already.
    if (principal === undefined && c.res.status === 429) return;
    try {
      await audit.append({
        at: clock.now(),
        who: principal === undefined ? null : { kind: principal.kind, name: principal.name },
        address: c.var.address,
        what: subject === undefined ? route.summary : `${route.summary}: ${subject}`,
        method: c.req.method,
        path: c.req.path,
        ...outcomeOf(c),
      });
    } catch (error) {
      log.error('the audit log could not be written', { path: c.req.path, error });
    }
  };
}

function outcomeOf(c: Context): Pick<AuditEntry, 'outcome' | 'status' | 'code'> {
  const { status } = c.res;
  const code = c.error instanceof Failure ? c.error.code : null;
  if (status < 400) return { outcome: 'done', status, code: null };
  return { outcome: status < 500 ? 'refused' : 'failed', status, code: code ?? 'internal' };
}
