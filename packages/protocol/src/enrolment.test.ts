import { describe, expect, it } from 'vitest';
import { decodeEnrolmentToken, encodeEnrolmentToken } from './enrolment.ts';

const token = {
  url: 'https://10.0.0.2:8443',
  fingerprint: Array.from({ length: 32 }, () => 'AB').join(':'),
  secret: 'x'.repeat(43),
};

describe('an enrolment token', () => {
  it('comes back as it went in, whitespace around it forgiven', () => {
    expect(decodeEnrolmentToken(` ${encodeEnrolmentToken(token)}\n`)).toEqual(token);
  });

  it.each([
    ['half of it', encodeEnrolmentToken(token).slice(0, 40)],
    ['something else', 'hello'],
    ['nothing', ''],
  ])('refuses %s and says what to do', (_, text) => {
    expect(() => decodeEnrolmentToken(text)).toThrow(/copy it again/);
  });

  it('does not carry a controller without TLS', () => {
    expect(() => encodeEnrolmentToken({ ...token, url: 'http://10.0.0.2:8443' })).toThrow(/https?/i);
  });
});
