import { verifiedConnector } from '@tacet/runtime/connections';

/** Whoever answers is not the controller that is known here. */
export class OtherCertificateError extends Error {
  constructor(shown: string | undefined) {
    super(`it shows another certificate than the pinned one: ${shown ?? 'none'}`);
  }
}

/** Connections to whoever shows this one certificate, before the token or anything else is sent. */
export function pinnedConnector(fingerprint: string): ReturnType<typeof verifiedConnector> {
  return verifiedConnector(
    { fingerprint },
    {
      asError: (failure) =>
        failure.kind === 'other-certificate' ? new OtherCertificateError(failure.shown) : failure.cause,
    },
  );
}
