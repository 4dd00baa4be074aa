/** One change, to Proxmox VE's access control or to a file of a secret. */
export type Step =
  | { readonly kind: 'create-role'; readonly role: string; readonly privileges: readonly string[] }
  /** Instead of the privileges that it has. */
  | { readonly kind: 'set-role'; readonly role: string; readonly privileges: readonly string[] }
  | { readonly kind: 'create-pool'; readonly pool: string; readonly comment: string }
  | { readonly kind: 'create-user'; readonly userId: string; readonly comment: string }
  | {
      readonly kind: 'create-token';
      readonly userId: string;
      readonly tokenId: string;
      readonly comment: string;
      readonly secretFile: string;
    }
  /** Its grants go with it. */
  | { readonly kind: 'delete-token'; readonly userId: string; readonly tokenId: string }
  | {
      readonly kind: 'grant';
      readonly path: string;
      readonly role: string;
      readonly users: readonly string[];
      /** `user@realm!token` */
      readonly tokens: readonly string[];
      readonly propagate: boolean;
    }
  | { readonly kind: 'withdraw'; readonly path: string; readonly role: string; readonly userId: string }
  | { readonly kind: 'remove-secret'; readonly tokenId: string; readonly secretFile: string };

export const fullTokenId = (userId: string, tokenId: string): string => `${userId}!${tokenId}`;

/** `role TacetGuest: VM.Audit …`: what is made, in words that also do for what was made. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'create-role':
      return `make role ${step.role}: ${step.privileges.join(' ')}`;
    case 'set-role':
      return `set role ${step.role} to: ${step.privileges.join(' ')}`;
    case 'create-pool':
      return `make pool ${step.pool}, for scratch guests of drills`;
    case 'create-user':
      return `make user ${step.userId}, without a password`;
    case 'create-token':
      return `make token ${fullTokenId(step.userId, step.tokenId)}, its secret in ${step.secretFile}`;
    case 'delete-token':
      return `delete token ${fullTokenId(step.userId, step.tokenId)}`;
    case 'grant':
      return `grant ${step.role} on ${step.path} to ${[...step.users, ...step.tokens].join(' and ')}`;
    case 'withdraw':
      return `withdraw ${step.role} on ${step.path} from ${step.userId}`;
    case 'remove-secret':
      return `remove ${step.secretFile}`;
  }
}
