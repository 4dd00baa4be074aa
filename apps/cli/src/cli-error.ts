import type { Problem } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { OtherCertificateError } from './pinned-connector.ts';

/** Ends the command, with a message for people and a code for scripts. */
export class CliError extends TacetError {
  readonly exitCode: ExitCode;

  constructor(
    message: string,
    exitCode: ExitCode,
    options: { code: string; hint?: string; cause?: unknown },
  ) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Nothing was sent: the command itself cannot be meant. */
export function usage(message: string, hint?: string): CliError {
  return new CliError(message, exitCodes.usage, {
    code: 'invalid-input',
    ...(hint !== undefined && { hint }),
  });
}

/** Somebody answered, and said no. What only the controller can see to be wrong is as wrong as what is seen here. */
export function refused({ detail, code, hint }: Problem): CliError {
  return new CliError(detail, code === 'invalid-input' ? exitCodes.usage : exitCodes.failed, {
    code,
    ...(hint !== undefined && { hint }),
  });
}

export function unreachable(url: string, cause: unknown): CliError {
  return new CliError(`the controller at ${url} cannot be reached`, exitCodes.unreachable, {
    code: 'controller-unreachable',
    hint:
      cause instanceof OtherCertificateError
        ? 'It is another controller, or has a new certificate: copy its cli.json again, from its state directory.'
        : 'Is it running? Its address is in the file that --controller names.',
    cause,
  });
}
