import {
  type Account,
  accountListSchema,
  accountSchema,
  type ApiToken,
  apiTokenListSchema,
  madeApiTokenSchema,
  passwordSchema,
  type Role,
} from '@tacet/protocol';
import { requireValid } from '../arguments.ts';
import { usage } from '../cli-error.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { dateTimeOf } from '../print/moment.ts';
import { table } from '../print/table.ts';
import type { Terminal } from '../provision/terminal.ts';

export async function listAccounts(context: Context): Promise<ExitCode> {
  const list = await context.api.get(accountListSchema, '/accounts', context.signal);
  if (context.json) printJson(context, list);
  else accountTable(list.accounts).forEach(context.print);
  return exitCodes.ok;
}

export async function addAccount(
  name: string,
  { role }: { readonly role: Role },
  terminal: Terminal,
  context: Context,
): Promise<ExitCode> {
  const password = await newPassword(name, terminal, context);
  const body = { name, role, password };
  const account = await context.api.post(accountSchema, '/accounts', body, context.signal);
  return said(account, `${account.name} may sign in, as ${account.role}.`, context);
}

export async function setRole(name: string, role: string, context: Context): Promise<ExitCode> {
  const account = await context.api.patch(accountSchema, accountPath(name), { role }, context.signal);
  return said(account, `${account.name} is ${account.role} now.`, context);
}

export async function setPassword(name: string, terminal: Terminal, context: Context): Promise<ExitCode> {
  const password = await newPassword(name, terminal, context);
  const account = await context.api.patch(accountSchema, accountPath(name), { password }, context.signal);
  return said(account, `${account.name} has a new password; the logins of the account have ended.`, context);
}

export async function deleteAccount(name: string, context: Context): Promise<ExitCode> {
  await context.api.delete(accountPath(name), context.signal);
  context.note(`The account ${name} is gone, and its logins with it.`);
  return exitCodes.ok;
}

export async function listTokens(context: Context): Promise<ExitCode> {
  const list = await context.api.get(apiTokenListSchema, '/tokens', context.signal);
  if (context.json) printJson(context, list);
  else tokenTable(list.tokens).forEach(context.print);
  return exitCodes.ok;
}

/** When a token ends. */
export type TokenEnd = { readonly afterMs: number } | { readonly at: number } | 'never';

export async function createToken(
  name: string,
  { role, expires }: { readonly role: Role; readonly expires: TokenEnd },
  context: Context,
): Promise<ExitCode> {
  const { api, clock, signal, json, print, note } = context;
  const expiresAt = endOf(expires, clock.now());
  const made = await api.post(madeApiTokenSchema, '/tokens', { name, role, expiresAt }, signal);
  if (json) {
    printJson(context, made);
    return exitCodes.ok;
  }
  const until = expiresAt === null ? 'until it is revoked' : `until ${dateTimeOf(expiresAt)}`;
  note(`The token ${name}, ${role}, ${until}. It is shown this once:`);
  print(made.secret);
  return exitCodes.ok;
}

export async function revokeToken(name: string, context: Context): Promise<ExitCode> {
  await context.api.delete(`/tokens/${encodeURIComponent(name)}`, context.signal);
  context.note(`The token ${name} is worth nothing from now on.`);
  return exitCodes.ok;
}

function endOf(end: TokenEnd, now: number): number | null {
  if (end === 'never') return null;
  const at = 'at' in end ? end.at : now + end.afterMs;
  if (at > now) return at;
  throw usage('the token would have expired already', 'As --expires 90d, --expires 2027-01-31, or never.');
}

/** Typed twice, so that nobody is shut out by a key that was hit by mistake; from a pipe it comes once. */
async function newPassword(name: string, terminal: Terminal, { signal }: Context): Promise<string> {
  try {
    const password = await terminal.askSecret(`New password of ${name}: `, signal);
    requireValid(passwordSchema, password, 'the password');
    if (terminal.isTyped === true && (await terminal.askSecret('Once more: ', signal)) !== password) {
      throw usage('these were two different passwords', 'Nothing has changed. Try again.');
    }
    return password;
  } finally {
    terminal.close();
  }
}

function said(account: Account, words: string, context: Context): ExitCode {
  if (context.json) printJson(context, account);
  else context.print(words);
  return exitCodes.ok;
}

function accountPath(name: string): string {
  return `/accounts/${encodeURIComponent(name)}`;
}

function accountTable(accounts: readonly Account[]): string[] {
  if (accounts.length === 0)
    return ['Nobody has an account yet. The controller prints the link for the first.'];
  const rows = accounts.map(({ name, role, createdAt, lastLoginAt, issuer = 'a password' }) => [
    name,
    role,
    dateTimeOf(createdAt),
    lastLoginAt === null ? 'never' : dateTimeOf(lastLoginAt),
    issuer,
  ]);
  return table(['name', 'role', 'made', 'signed in', 'with'], rows);
}

function tokenTable(tokens: readonly ApiToken[]): string[] {
  const rows = tokens.map(({ name, role, createdAt, expiresAt, lastUsedAt }) => [
    name,
    role,
    dateTimeOf(createdAt),
    expiresAt === null ? 'never' : dateTimeOf(expiresAt),
    lastUsedAt === null ? 'never' : dateTimeOf(lastUsedAt),
  ]);
  return table(['name', 'role', 'made', 'ends', 'used'], rows);
}
