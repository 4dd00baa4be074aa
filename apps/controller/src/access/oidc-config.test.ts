import { describe, expect, it } from 'vitest';
import { accountNameOf, type OidcConfig, oidcConfigSchema, roleOf } from './oidc-config.ts';

const least = {
  issuer: 'https://id.example',
  clientId: 'tacet',
  roles: { viewer: ['home'], operator: ['ops', 'night shift'], admin: ['tacet-admins'] },
};

function configured(overrides: object = {}): OidcConfig {
  return oidcConfigSchema.parse({ ...least, ...overrides });
}

describe('the role of somebody for whom a provider vouches', () => {
  it.each([
    [{ groups: ['home'] }, 'viewer'],
    [{ groups: ['home', 'night shift'] }, 'operator'],
    [{ groups: ['tacet-admins', 'home'] }, 'admin'],
    [{ groups: 'ops' }, 'operator'],
    [{ groups: ['Home', 'tacet'] }, undefined],
    [{ groups: [] }, undefined],
    [{ groups: { home: true } }, undefined],
    [{ groups: null }, undefined],
    [{}, undefined],
  ])('of %j is %s', (claims, role) => {
    expect(roleOf(claims, configured())).toBe(role);
  });

  it('may be said in another claim, also one inside another, or with dots in its name', () => {
    const inside = configured({ groupsClaim: 'realm_access.roles' });
    expect(roleOf({ realm_access: { roles: ['ops'] } }, inside)).toBe('operator');
    expect(roleOf({ realm_access: 'ops' }, inside)).toBeUndefined();
    const dotted = configured({ groupsClaim: 'https://id.example/groups' });
    expect(roleOf({ 'https://id.example/groups': ['home'] }, dotted)).toBe('viewer');
  });

  it('is nobody’s where no group has one: such a configuration is refused', () => {
    expect(oidcConfigSchema.safeParse({ ...least, roles: {} }).success).toBe(false);
    expect(oidcConfigSchema.safeParse({ ...least, issuer: 'http://id.example' }).success).toBe(false);
  });
});

describe('the name of an account', () => {
  it.each([
    [{ preferred_username: 'Anna', sub: '1' }, 'anna'],
    [{ preferred_username: 'Anna  Müller!', sub: '1' }, 'anna-m-ller-'],
    [{ email: 'anna@example.org', sub: '1' }, 'anna@example.org'],
    [{ preferred_username: '', sub: '-_f81d4fae' }, 'f81d4fae'],
    [{ preferred_username: 7, sub: 'äöü' }, 'account'],
    [{ preferred_username: 'x'.repeat(300), sub: '1' }, 'x'.repeat(56)],
  ])('of %j is %s', (claims, name) => {
    expect(accountNameOf(claims, configured())).toBe(name);
  });
});
