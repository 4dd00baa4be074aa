import { fullTokenId } from './step.ts';
import type { Wish } from './wish.ts';

interface ConfiguredToken {
  readonly id: string;
  readonly secretFile: string;
}

/** What an entry of `nodes` in the controller's configuration says about tokens. */
export interface TokenConfiguration {
  /** By VMID. */
  readonly guestTokens?: Readonly<Record<string, ConfiguredToken>>;
  readonly restoreToken?: ConfiguredToken;
}

export function configurationFor({ userId, tokens }: Wish): TokenConfiguration {
  const entries = tokens.map(({ tokenId, secretFile, vmid }) => ({
    vmid,
    token: { id: fullTokenId(userId, tokenId), secretFile },
  }));
  const guests = entries.flatMap(({ vmid, token }) =>
    vmid === undefined ? [] : [[`${vmid}`, token] as const],
  );
  const operator = entries.find(({ vmid }) => vmid === undefined);
  return {
    ...(guests.length > 0 && { guestTokens: Object.fromEntries(guests) }),
    ...(operator !== undefined && { restoreToken: operator.token }),
  };
}

/** To paste between the braces of the entry. */
export function configurationLines(configuration: TokenConfiguration): string[] {
  return JSON.stringify(configuration, null, 2).split('\n').slice(1, -1);
}
