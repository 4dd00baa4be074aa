import type { ChannelTrust } from '@tacet/protocol';
import { verifiedConnector } from '@tacet/runtime/connections';
import { Undelivered } from './undelivered.ts';

/** Connections to the server of a channel, verified before the first byte of a message is written to them. */
export function channelConnector(
  trust: ChannelTrust | undefined,
  timeoutMs: number,
): ReturnType<typeof verifiedConnector> {
  const fingerprint =
    trust !== undefined && 'fingerprint' in trust ? trust.fingerprint.toUpperCase() : undefined;
  const ca = trust !== undefined && 'ca' in trust ? trust.ca : undefined;
  return verifiedConnector(
    { fingerprint, ca },
    {
      timeoutMs,
      asError: (failure) => {
        const { where } = failure;
        switch (failure.kind) {
          case 'other-certificate':
            return notTrusted(where, `it shows ${failure.shown ?? 'none'}`);
          case 'unverified':
            return notTrusted(where, failure.code);
          case 'unreachable':
            return new Undelivered(`cannot connect to ${where}`, { cause: failure.cause });
        }
      },
    },
  );
}

export function notTrusted(where: string, why: string): Undelivered {
  return new Undelivered(`the certificate of ${where} is not trusted (${why})`, {
    refused: true,
    hint: 'Where it is right, give the channel its CA or fingerprint as `trust`.',
  });
}
