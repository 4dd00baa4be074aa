import { randomUUID } from 'node:crypto';
import { failed } from '../api/errors.ts';
import type { TokenOptions, UserOptions } from '../options.ts';

export interface Token {
  readonly tokenid: string;
  readonly secret: string;
  privsep: boolean;
  comment: string | undefined;
  expire: number;
}

export interface User {
  readonly userid: string;
  readonly password: string | undefined;
  readonly tokens: Map<string, Token>;
  enable: boolean;
  expire: number;
  comment: string | undefined;
}

const REALMS = new Set(['pam', 'pve']);

/** Users, their tokens and secrets: what /etc/pve/user.cfg and /etc/pve/priv/token.cfg hold. */
export class Accounts {
  readonly users = new Map<string, User>();

  constructor(users: readonly UserOptions[]) {
    for (const options of [{ userid: 'root@pam' }, ...users]) {
      this.users.delete(options.userid);
      this.addUser(options);
    }
  }

  addUser(options: UserOptions & { readonly comment?: string }): void {
    if (this.users.has(options.userid)) {
      throw failed(`create user failed: user '${options.userid}' already exists`);
    }
    const user: User = {
      userid: options.userid,
      password: options.password,
      tokens: new Map(),
      enable: options.enable ?? true,
      expire: options.expire ?? 0,
      comment: options.comment,
    };
    this.users.set(options.userid, user);
    for (const token of options.tokens ?? []) this.addToken(options.userid, token);
  }

  user(userid: string): User {
    const user = this.users.get(userid);
    if (user === undefined) throw failed(`no such user ('${userid}')`);
    return user;
  }

  /** Answers the secret, which is shown this once. */
  addToken(userid: string, options: TokenOptions): Token {
    const user = this.user(userid);
    if (user.tokens.has(options.tokenid)) throw failed('Token already exists.');
    const token: Token = {
      tokenid: options.tokenid,
      secret: options.secret ?? randomUUID(),
      privsep: options.privsep ?? true,
      comment: options.comment,
      expire: options.expire ?? 0,
    };
    user.tokens.set(token.tokenid, token);
    return token;
  }

  token(userid: string, tokenid: string): Token {
    const token = this.user(userid).tokens.get(tokenid);
    if (token === undefined) throw failed(`no such token '${tokenid}' for user '${userid}'`);
    return token;
  }

  /** The caller's id when the secret is right and neither the user nor the token is disabled or expired. */
  authenticate(userid: string, tokenid: string, secret: string, nowSeconds: number): string | undefined {
    const user = this.users.get(userid);
    const token = user?.tokens.get(tokenid);
    if (user === undefined || token === undefined || token.secret !== secret) return undefined;
    if (!isActive(user, nowSeconds) || (token.expire !== 0 && token.expire < nowSeconds)) return undefined;
    return `${userid}!${tokenid}`;
  }

  login(userid: string, password: string, nowSeconds: number): boolean {
    const user = this.users.get(userid);
    return (
      user !== undefined &&
      REALMS.has(userid.split('@')[1] ?? '') &&
      isActive(user, nowSeconds) &&
      user.password !== undefined &&
      user.password === password
    );
  }
}

export function isActive(user: User, nowSeconds: number): boolean {
  return user.enable && (user.expire === 0 || user.expire > nowSeconds);
}

/** `dual@pve!tk` → `['dual@pve', 'tk']`. */
export function splitCaller(caller: string): readonly [userid: string, tokenid: string | undefined] {
  const at = caller.indexOf('!');
  return at === -1 ? [caller, undefined] : [caller.slice(0, at), caller.slice(at + 1)];
}
