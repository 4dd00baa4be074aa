import { accessNameSchema, type Role, roleSchema } from '@tacet/protocol';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { by, dateMs, oneOf, spanMs } from '../arguments.ts';
import type { Actor } from '../command-table.ts';
import {
  addAccount,
  createToken,
  deleteAccount,
  listAccounts,
  listTokens,
  revokeToken,
  setPassword,
  setRole,
  type TokenEnd,
} from './access.ts';

const roles = roleSchema.options;
const parseName = by(accessNameSchema);

/** `tacet account …` */
export function accountCommands(account: Command, { ask, terminal }: Actor): void {
  account
    .command('list')
    .description('every account, its role, and when it was last signed in')
    .action(() => ask(listAccounts));
  account
    .command('add')
    .description('make an account; its password is asked for, or read from standard input')
    .argument('<name>', 'small letters, digits, dots, dashes, underscores and @', parseName)
    .addOption(oneOf('--role <role>', 'what it may do', roles).makeOptionMandatory())
    .action((name: string, options: { role: Role }) =>
      ask((context) => addAccount(name, options, terminal(), context)),
    );
  account
    .command('role')
    .description('say what an account may do')
    .argument('<name>', 'the account', parseName)
    .addArgument(new Argument('<role>', 'from now on').choices(roles))
    .action((name: string, role: string) => ask((context) => setRole(name, role, context)));
  account
    .command('password')
    .description('set the password of an account, which is asked for or read; its logins end')
    .argument('<name>', 'the account', parseName)
    .action((name: string) => ask((context) => setPassword(name, terminal(), context)));
  account
    .command('delete')
    .description('delete an account; its logins end')
    .argument('<name>', 'the account', parseName)
    .action((name: string) => ask((context) => deleteAccount(name, context)));
}

/** `tacet token …` */
export function tokenCommands(token: Command, { ask }: Actor): void {
  token
    .command('list')
    .description('every API token without its secret; cli is the one in cli.json')
    .action(() => ask(listTokens));
  token
    .command('create')
    .description('make an API token, and print its secret, this once')
    .argument('<name>', 'small letters, digits, dots, dashes, underscores and @', parseName)
    .addOption(oneOf('--role <role>', 'what it may do', roles).makeOptionMandatory())
    .requiredOption('--expires <when>', 'after how long, as 90d, a date, or never', parseEnd)
    .action((name: string, options: { role: Role; expires: TokenEnd }) =>
      ask((context) => createToken(name, options, context)),
    );
  token
    .command('revoke')
    .description('remove an API token; it is worth nothing at once')
    .argument('<name>', 'the token', parseName)
    .action((name: string) => ask((context) => revokeToken(name, context)));
}

function parseEnd(text: string): TokenEnd {
  if (text === 'never') return 'never';
  const afterMs = spanMs(text);
  if (afterMs !== undefined) return { afterMs };
  const at = dateMs(text);
  if (at !== undefined) return { at };
  throw new InvalidArgumentError('It is 12h, 90d, a date as 2027-01-31, or never.');
}
