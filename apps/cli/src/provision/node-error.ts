import { TrustError, UnreachableError } from '@tacet/proxmox';
import { TacetError } from '@tacet/runtime';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';

/** What came from a node, as the end of the command. */
export function asCliError(
  error: unknown,
  { message, hint, cause }: { message: string; hint: string | undefined; cause: unknown },
): CliError {
  const isSilent = error instanceof UnreachableError || error instanceof TrustError;
  return new CliError(message, isSilent ? exitCodes.unreachable : exitCodes.failed, {
    code: error instanceof TacetError ? error.code : 'internal',
    cause,
    ...(hint !== undefined && { hint }),
  });
}
