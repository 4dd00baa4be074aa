import { TacetError, type TacetErrorOptions } from '@tacet/runtime';

export type ProxmoxErrorCode =
  | 'PVE_UNAUTHORIZED'
  | 'PVE_FORBIDDEN'
  | 'PVE_MISSING'
  | 'PVE_INVALID_PARAMETERS'
  | 'PVE_NOT_IMPLEMENTED'
  | 'PVE_UNREACHABLE'
  | 'PVE_UNTRUSTED'
  | 'PVE_SERVER_ERROR'
  | 'PVE_UNEXPECTED_ANSWER'
  | 'PVE_TASK_FAILED';

export interface ProxmoxErrorContext extends Omit<TacetErrorOptions, 'code'> {
  /** True when what was asked for may have begun although this error says it failed. Default false. */
  readonly mayHaveStarted?: boolean;
}

/** Whatever can go wrong between Tacet and a Proxmox VE node; its subclasses say which. */
export class ProxmoxError extends TacetError {
  declare readonly code: ProxmoxErrorCode;
  /** A POST whose answer was lost still starts its task: look at the task list before trying again. */
  readonly mayHaveStarted: boolean;

  constructor(code: ProxmoxErrorCode, message: string, context: ProxmoxErrorContext = {}) {
    super(message, { ...context, code });
    this.mayHaveStarted = context.mayHaveStarted ?? false;
  }
}

/** 401. A wrong secret, an unknown token and a disabled or expired user look alike. */
export class UnauthorizedError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    const hint =
      'Check the token id and secret, and that neither the token nor its user is expired or disabled.';
    super('PVE_UNAUTHORIZED', message, { hint, ...context });
  }
}

/** 403, as a status or as the end of a task. */
export class ForbiddenError extends ProxmoxError {
  /** The access-control path, as `/vms/203`; undefined where Proxmox names none. */
  readonly path: string | undefined;
  /** Any one of these would have been enough. */
  readonly privileges: readonly string[];

  constructor(message: string, context: ProxmoxErrorContext = {}) {
    const [, path, privileges] = /\((\/[^\s,]*), ([\w.|]+)\)/.exec(message) ?? [];
    const hint =
      path === undefined
        ? undefined
        : `Grant ${privileges} on ${path} to the user and to its token: a token has what both have.`;
    super('PVE_FORBIDDEN', message, { hint, ...context });
    this.path = path;
    this.privileges = privileges?.split('|') ?? [];
  }
}

/** The guest, node, storage, snapshot or volume that was named is not there. Proxmox answers 500. */
export class MissingError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('PVE_MISSING', message, context);
  }
}

/** 400. */
export class InvalidParametersError extends ProxmoxError {
  /** What is wrong, by parameter. */
  readonly errors: Readonly<Record<string, string>>;

  constructor(message: string, errors: Readonly<Record<string, string>>, context: ProxmoxErrorContext = {}) {
    super('PVE_INVALID_PARAMETERS', message, context);
    this.errors = errors;
  }
}

/** 501: no such path in this version. */
export class NotImplementedError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('PVE_NOT_IMPLEMENTED', message, context);
  }
}

/** Nobody answered: refused, no route, no name, a time-out, a lost connection, 595 or 596. */
export class UnreachableError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('PVE_UNREACHABLE', message, { retryable: true, ...context });
  }
}

/** The server could not prove to be the one that is trusted. Nothing was sent to it. */
export class TrustError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    const hint =
      "Compare with the fingerprint shown under the node's System → Certificates, then update the pin.";
    super('PVE_UNTRUSTED', message, { hint, ...context });
  }
}

/** Any other refusal, as `CT is locked (backup)`. */
export class ServerError extends ProxmoxError {
  readonly status: number;

  constructor(message: string, status: number, context: ProxmoxErrorContext = {}) {
    super('PVE_SERVER_ERROR', message, context);
    this.status = status;
  }
}

/** An answer that is not what this endpoint of Proxmox VE gives. */
export class UnexpectedAnswerError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('PVE_UNEXPECTED_ANSWER', message, context);
  }
}

/** A task that was started and ended badly. */
export class TaskFailedError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('PVE_TASK_FAILED', message, context);
  }
}
