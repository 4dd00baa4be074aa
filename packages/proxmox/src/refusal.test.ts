import { describe, expect, it } from 'vitest';
import {
  ForbiddenError,
  InvalidParametersError,
  MissingError,
  NotImplementedError,
  type ProxmoxError,
  ServerError,
  UnauthorizedError,
  UnreachableError,
} from './errors.ts';
import { refusal } from './refusal.ts';
import { type Exchange, recorded, recording } from './testing/recordings.ts';

const errorOf = ({ method, path, status, reason, body }: Exchange): ProxmoxError =>
  refusal({
    asked: `${method} ${path}`,
    changes: method !== 'GET',
    status,
    reason,
    body: body === null ? '' : JSON.stringify(body),
  });

/** The recorded 500s that say that something is not there. */
const MISSING = /does not exist|hostname lookup/;

function expectedType(exchange: Exchange): unknown {
  if (exchange.status === 500) return MISSING.test(exchange.reason) ? MissingError : ServerError;
  return {
    400: InvalidParametersError,
    401: UnauthorizedError,
    403: ForbiddenError,
    501: NotImplementedError,
    595: UnreachableError,
    596: UnreachableError,
  }[exchange.status];
}

const refused = recorded.filter(({ status }) => status !== 200);

describe('every refusal that was recorded', () => {
  it.each(refused)('$status $method $path: $reason', (exchange) => {
    const error = errorOf(exchange);
    expect(error).toBeInstanceOf(expectedType(exchange));
    expect(error.message).toContain(exchange.reason.trim().slice(0, 40));
  });

  it('covers all kinds', () => {
    expect(new Set(refused.map(({ status }) => status))).toEqual(
      new Set([400, 401, 403, 500, 501, 595, 596]),
    );
  });
});

describe('a refusal', () => {
  it('names the path and the privileges that were missing, and what to grant', () => {
    const error = errorOf(recording('GET', /storage\/bk2\/status/, 403));
    expect(error).toMatchObject({
      path: '/storage/bk2',
      privileges: ['Datastore.Audit', 'Datastore.AllocateSpace'],
      hint: expect.stringContaining('to the user and to its token'),
    });
  });

  it('names none where Proxmox does not', () => {
    const features = refused.find(({ reason }) => reason.includes('changing feature flags'));
    expect(features && errorOf(features)).toMatchObject({ path: undefined, privileges: [], hint: undefined });
  });

  it('says which parameter was wrong', () => {
    const error = refused.map(errorOf).find((one) => one.message.includes("value 'bz2'"));
    expect(error).toMatchObject({ errors: { compress: expect.stringContaining('enumeration') } });
    expect(error?.message).toContain("compress: value 'bz2'");
  });

  it('says that a POST that ended in 596 may have started, and one that ended in 595 has not', () => {
    expect(errorOf(recording('POST', /vzdump/, 596)).mayHaveStarted).toBe(true);
    expect(errorOf(recording('POST', /vzdump/, 595)).mayHaveStarted).toBe(false);
    expect(errorOf(recording('GET', /./, 596)).mayHaveStarted).toBe(false);
  });

  it('is worth another try only where nobody answered', () => {
    const retryable = new Set(refused.filter((one) => errorOf(one).retryable).map(({ status }) => status));
    expect(retryable).toEqual(new Set([595, 596]));
  });
});
