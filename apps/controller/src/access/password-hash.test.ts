import { describe, expect, it } from 'vitest';
import { hashPassword, isOutdated, passwordMatches } from './password-hash.ts';

describe('a password at rest', () => {
  it('is an argon2id hash with its own salt, which only that password matches', async () => {
    const [stored, again] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=32768,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(again).not.toBe(stored);
    expect(await passwordMatches('correct horse', stored)).toBe(true);
    expect(await passwordMatches('correct horsf', stored)).toBe(false);
    expect(isOutdated(stored)).toBe(false);
  });

  it('matches by the parameters it was made with, and says that it is outdated', async () => {
    const stored = await weak('password');
    expect(await passwordMatches('password', stored)).toBe(true);
    expect(isOutdated(stored)).toBe(true);
  });

  it('is the same however a keyboard composes its letters', async () => {
    const stored = await hashPassword('Gr\u00fc\u00dfe aus K\u00f6ln');
    expect(await passwordMatches('Gru\u0308\u00dfe aus Ko\u0308ln', stored)).toBe(true);
  });

  it.each([undefined, '', 'plain', '$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA'])(
    'is nobody’s where %o is stored',
    async (stored) => {
      expect(await passwordMatches('', stored)).toBe(false);
    },
  );
});

async function weak(password: string): Promise<string> {
  const { argon2Sync } = await import('node:crypto');
  const salt = Buffer.from('somesalt');
  const cost = { memory: 1024, passes: 2, parallelism: 1, tagLength: 32 };
  const hash = argon2Sync('argon2id', { message: password, nonce: salt, ...cost });
  return `$argon2id$v=19$m=1024,t=2,p=1$${text(salt)}$${text(hash)}`;
}

function text(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
