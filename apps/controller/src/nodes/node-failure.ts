import { ProxmoxError, UnreachableError } from '@tacet/proxmox';
import { Failure } from '../failure.ts';

/** A node's refusal or silence in the words of the contract; other errors stay what they are. */
export function asNodeFailure(error: unknown, message: string): unknown {
  if (!(error instanceof ProxmoxError)) return error;
  const code = error instanceof UnreachableError ? 'node-unreachable' : 'node-refused';
  const { hint, retryable } = error;
  return new Failure(code, message, { hint, retryable, cause: error });
}
