import {
  ForbiddenError,
  type GuestResource,
  type ProxmoxClient,
  ProxmoxError,
  UnauthorizedError,
  UnreachableError,
} from '@tacet/proxmox';
import { differences, type PrivilegesByPath } from './expected-permissions.ts';
import { storageOf, type TokenWish, vmPath } from './wish.ts';

/** One thing that was tried with a token. */
export interface Check {
  readonly what: string;
  /** What the node said. */
  readonly said: string;
  readonly ok: boolean;
}

export interface ProofInput {
  readonly token: TokenWish;
  /** As the token. */
  readonly client: ProxmoxClient;
  readonly expected: PrivilegesByPath;
  /** Every guest of the cluster. */
  readonly guests: readonly GuestResource[];
  readonly signal: AbortSignal;
}

/** No guest has it. Who may not see a guest is refused before it is looked for. */
const NOBODY = 999_999_999;

/**
 * Tries with a token what must succeed and what must be refused. Reads only: what is tried does no harm even
 * where it should be refused and is not.
 */
export async function prove(input: ProofInput): Promise<Check[]> {
  const { token, client, expected, guests, signal } = input;
  const held = await attempt('holds its privileges and no others', async () => {
    const different = differences(expected, await client.cluster.permissions({ signal }));
    return different.length === 0 ? { ok: true, said: privilegesIn(expected) } : different.join('; ');
  });
  if (held.error instanceof UnauthorizedError) return [{ ...held.check, what: 'is accepted' }];
  const checks = [held.check];
  const own = guests.find(({ vmid }) => vmid === token.vmid);
  if (own !== undefined) {
    checks.push(
      await succeeds(`reads the status of guest ${own.vmid}`, async () => {
        return (await client.lxc.status(own, { signal })).status;
      }),
    );
  }
  // Where one of its guests is: a storage need not be on every node.
  const node = guests.find(({ vmid }) => expected.has(vmPath(vmid)))?.node ?? 'localhost';
  for (const storage of token.grants.flatMap(storageOf)) {
    checks.push(
      await succeeds(`sees storage ${storage}`, async () => {
        return (await client.storage.status({ node, storage }, { signal })).content.join(',');
      }),
    );
  }
  const stranger = guests.find(({ vmid }) => !expected.has(vmPath(vmid)));
  const other = stranger ?? { node, vmid: NOBODY };
  const whose = stranger === undefined ? 'any other guest' : `guest ${other.vmid}`;
  checks.push(
    await refused(`may not read the status of ${whose}`, () => client.lxc.status(other, { signal })),
    await refused('may not read the access control (/access)', () =>
      client.access.permissionsOf('root@pam', { signal }),
    ),
    await refused('may not see the tokens of root@pam', () => client.access.tokens('root@pam', { signal })),
  );
  return checks;
}

function succeeds(what: string, work: () => Promise<string>): Promise<Check> {
  return attempt(what, async () => ({ ok: true, said: await work() })).then(({ check }) => check);
}

async function refused(what: string, work: () => Promise<unknown>): Promise<Check> {
  const { check, error } = await attempt(what, async () => {
    await work();
    return 'it was allowed';
  });
  return { ...check, ok: error instanceof ForbiddenError };
}

/** A text instead of an outcome says what is wrong. */
async function attempt(
  what: string,
  work: () => Promise<{ ok: true; said: string } | string>,
): Promise<{ check: Check; error?: ProxmoxError }> {
  try {
    const outcome = await work();
    return { check: typeof outcome === 'string' ? { what, ok: false, said: outcome } : { what, ...outcome } };
  } catch (error) {
    // Silence says nothing about a boundary.
    if (!(error instanceof ProxmoxError) || error instanceof UnreachableError) throw error;
    return { check: { what, ok: false, said: error.message }, error };
  }
}

function privilegesIn(byPath: PrivilegesByPath): string {
  return [...byPath].map(([path, privileges]) => `${path}: ${[...privileges].join(' ')}`).join('; ');
}
