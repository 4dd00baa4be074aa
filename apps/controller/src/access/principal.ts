import { type Role, roleSchema } from '@tacet/protocol';

/** Who asks for something. */
export interface Principal {
  readonly kind: 'account' | 'token';
  readonly name: string;
  readonly role: Role;
  /** The hash of the cookie or of the token that was shown: which of an account's logins this is. */
  readonly secretHash: string;
}

/** Each role may do what those before it may. */
export function suffices(role: Role, needed: Role): boolean {
  return roleSchema.options.indexOf(role) >= roleSchema.options.indexOf(needed);
}
