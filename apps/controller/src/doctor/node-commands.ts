/** Lines for a root shell on a node. */

export function grantLine(path: string, role: string, tokenId: string): string {
  return line(
    'pveum',
    'acl',
    'modify',
    path,
    '--roles',
    role,
    '--users',
    userOf(tokenId),
    '--tokens',
    tokenId,
  );
}

export function roleLine({ role, privileges }: { role: string; privileges: readonly string[] }): string {
  return line('pveum', 'role', 'modify', role, '--privs', privileges.join(' '));
}

export function line(...words: string[]): string {
  return words.map(quote).join(' ');
}

/** A token's grants count only together with its user's. */
export function userOf(tokenId: string): string {
  return tokenId.split('!')[0] ?? tokenId;
}

/** The `!` of a token is the history's in an interactive shell, even between double quotes. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
