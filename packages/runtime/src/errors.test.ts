import { describe, expect, it } from 'vitest';
import { causeChain, describeError, TacetError } from './errors.ts';
import { redact } from './redact.ts';

class EngineError extends TacetError {}

describe('TacetError', () => {
  it('is told apart by its code, in subclasses too', () => {
    const error = new EngineError('no engine', { code: 'engine-gone', hint: 'Start Docker.' });
    expect(error).toMatchObject({ name: 'EngineError', retryable: false, hint: 'Start Docker.' });
    expect(TacetError.is(error)).toBe(true);
    expect(TacetError.is(error, 'engine-gone')).toBe(true);
    expect(TacetError.is(error, 'OTHER')).toBe(false);
    expect(TacetError.is(new Error('x'))).toBe(false);
  });
});

describe('describeError', () => {
  it('puts the chain on one line, outermost first', () => {
    const socket = new Error('connect ENOENT /run/docker.sock');
    const error = new EngineError('cannot list containers', { code: 'x', cause: socket });
    expect(describeError(error)).toBe('cannot list containers ← connect ENOENT /run/docker.sock');
  });

  it('copes with empty, repeated, multi-line and foreign messages', () => {
    expect(describeError(new AggregateError([new Error('ECONNREFUSED ::1'), new Error('and v4')]))).toBe(
      'ECONNREFUSED ::1; and v4',
    );
    expect(describeError(new Error('same', { cause: new Error('same') }))).toBe('same');
    expect(describeError(new Error('two\n  lines\n'))).toBe('two; lines');
    expect(describeError({ code: 3 })).toBe('{"code":3}');
    expect(describeError(undefined)).toBe('undefined');
  });

  it.each(['{"token":"hush-hush","x":}', 'hush-hush', '["hush-hush" hush]'])(
    'does not repeat what could not be parsed: %s',
    (text) => {
      const cause = parseFailure(text);
      const error = new Error('cannot read cli.json', { cause });
      expect(describeError(error)).not.toContain('hush');
      expect(JSON.stringify(redact(error))).not.toContain('hush');
      expect(describeError(error)).toContain('JSON');
    },
  );

  it('ends for a cause that names itself', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(causeChain(error)).toEqual([error]);
    expect(describeError(error)).toBe('loop');
  });
});

function parseFailure(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
