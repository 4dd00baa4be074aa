import { connect, logIn, type ProxmoxClient, ProxmoxError } from '@tacet/proxmox';
import { readAccessState } from './access-state.ts';
import { expectedPermissions } from './expected-permissions.ts';
import { asCliError } from './node-error.ts';
import { type Check, prove } from './prove.ts';
import { reconcile, type Reconciled, type Reconciliation } from './reconcile.ts';
import type { Login, Request } from './request.ts';
import { keysFor } from './sealing-key.ts';
import { hasSecretFile, readSecret } from './secret-files.ts';
import { fullTokenId } from './step.ts';
import { type Survey, survey } from './survey.ts';
import type { Terminal } from './terminal.ts';
import { type RestoreInput, type TokenWish, type Wish, wishFor } from './wish.ts';

export interface Outcome extends Reconciled {
  readonly wish: Wish;
  readonly proofs: readonly Proof[];
  /** False: the secrets lie in clear until the controller starts. */
  readonly sealed: boolean;
}

export interface Proof {
  readonly id: string;
  readonly checks: readonly Check[];
}

export type Deps = Pick<Reconciliation, 'clock' | 'signal' | 'onStep' | 'onLeft'> & {
  readonly terminal: Terminal;
};

/**
 * Brings the access control of a node to what was asked for, and proves it with the tokens.
 * @throws CliError
 */
export async function provision(request: Request, login: Login, deps: Deps): Promise<Outcome> {
  try {
    await using client = await logInAs(login, deps);
    return request.mode === 'revoke'
      ? await revoke(request, client, deps)
      : await grant(request, client, login, deps);
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    const { message, hint, cause } = error;
    throw asCliError(error, { message, hint, cause });
  }
}

async function logInAs({ endpoint, userId }: Login, { terminal, signal }: Deps): Promise<ProxmoxClient> {
  const at = `${userId} at ${new URL(endpoint.url).host}`;
  try {
    const password = await terminal.askSecret(`Password of ${at}: `, signal);
    const totp = (): Promise<string> => terminal.askSecret(`TOTP code of ${at}: `, signal);
    return await logIn({ ...endpoint, userId, password, totp, signal });
  } finally {
    terminal.close();
  }
}

async function grant(request: Request, client: ProxmoxClient, login: Login, deps: Deps): Promise<Outcome> {
  const surveyed = await survey(client, request, deps.signal);
  const wish = wishFor({ ...request, restore: surveyed.restore });
  const keys = await keysFor(request, wish);
  const stored = new Map<string, string>();
  for (const token of wish.tokens) {
    const { tokenId } = token;
    // What will be replaced may be of any kind.
    const secret = request.mode === 'rotate' ? undefined : await readSecret(token, wish.userId, keys);
    if (secret !== undefined) stored.set(tokenId, secret);
  }
  const reconciled = await reconcile({
    request,
    wish,
    client,
    ...deps,
    keys,
    stored: new Set(stored.keys()),
  });
  const plan = { ...reconciled.plan, remarks: [...reconciled.plan.remarks, ...surveyed.remarks] };
  const outcome = { ...reconciled, wish, plan, sealed: keys !== undefined };
  if (request.dryRun || plan.obstacles.length > 0) return { ...outcome, proofs: [] };
  const secrets = new Map([...stored, ...reconciled.secrets]);
  const proofs = await proveAll({ wish, secrets, surveyed, client, login }, deps.signal);
  return { ...outcome, proofs };
}

async function revoke(request: Request, client: ProxmoxClient, deps: Deps): Promise<Outcome> {
  // The token is named by its purpose; what it may do is of no interest any more.
  const restore: RestoreInput | undefined = request.restore && {
    targets: [],
    storages: [],
    bridges: [],
    inPlace: false,
    copyNetwork: false,
    drill: undefined,
  };
  const wish = wishFor({ ...request, restore });
  const stored = new Set<string>();
  for (const { tokenId, secretFile } of wish.tokens) {
    if (await hasSecretFile(secretFile)) stored.add(tokenId);
  }
  const reconciled = await reconcile({ request, wish, client, ...deps, keys: undefined, stored });
  return { ...reconciled, wish, proofs: [], sealed: true };
}

interface ProofContext {
  readonly wish: Wish;
  readonly secrets: ReadonlyMap<string, string>;
  readonly surveyed: Survey;
  readonly client: ProxmoxClient;
  readonly login: Login;
}

async function proveAll(context: ProofContext, signal: AbortSignal): Promise<Proof[]> {
  const { wish, client } = context;
  const { acl } = await readAccessState(client.access, wish.userId, signal);
  const proofs: Proof[] = [];
  for (const token of wish.tokens) {
    const expected = expectedPermissions(wish.userId, token, acl, context.surveyed.guests);
    proofs.push({
      id: fullTokenId(wish.userId, token.tokenId),
      checks: await proveOne(token, { ...context, expected }, signal),
    });
  }
  return proofs;
}

async function proveOne(
  token: TokenWish,
  context: ProofContext & { readonly expected: ReturnType<typeof expectedPermissions> },
  signal: AbortSignal,
): Promise<Check[]> {
  const { wish, secrets, surveyed, login, expected } = context;
  const id = fullTokenId(wish.userId, token.tokenId);
  await using client = connect({
    ...login.endpoint,
    token: { id, secret: secrets.get(token.tokenId) ?? '' },
  });
  const { guests } = surveyed;
  return await prove({ token, client, expected, guests, signal });
}
