import type { Step } from './step.ts';

/** The same step as a line for a root shell on the node; `pveum` of Proxmox VE 9. */
export function pveumLine(step: Step): string {
  switch (step.kind) {
    case 'create-role':
      return line('role', 'add', step.role, '--privs', step.privileges.join(' '));
    case 'set-role':
      return line('role', 'modify', step.role, '--privs', step.privileges.join(' '));
    case 'create-pool':
      return line('pool', 'add', step.pool, '--comment', step.comment);
    case 'create-user':
      return line('user', 'add', step.userId, '--comment', step.comment);
    case 'create-token': {
      const { userId, tokenId, comment } = step;
      return line('user', 'token', 'add', userId, tokenId, '--privsep', '1', '--comment', comment);
    }
    case 'delete-token':
      return line('user', 'token', 'delete', step.userId, step.tokenId);
    case 'grant': {
      const { path, role, users, tokens, propagate } = step;
      const to = [...list('--users', users), ...list('--tokens', tokens)];
      return line('acl', 'modify', path, '--roles', role, ...to, ...(propagate ? [] : ['--propagate', '0']));
    }
    case 'withdraw':
      return line('acl', 'delete', step.path, '--roles', step.role, '--users', step.userId);
    case 'remove-secret':
      return `rm -f ${quote(step.secretFile)}`;
  }
}

function line(...words: string[]): string {
  return ['pveum', ...words].map(quote).join(' ');
}

function list(option: string, ids: readonly string[]): string[] {
  return ids.length === 0 ? [] : [option, ids.join(',')];
}

/** The `!` of a token is the history's in an interactive shell, even between double quotes. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
