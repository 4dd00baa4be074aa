import { TacetError, type TacetErrorOptions } from '@tacet/runtime';

export type ProxmoxErrorCode =
  | 'pve-unauthorized'
  | 'pve-forbidden'
  | 'pve-missing'
  | 'pve-invalid-parameters'
  | 'pve-not-implemented'
  | 'pve-unreachable'
  | 'pve-untrusted'
  | 'pve-server-error'
  | 'pve-unexpected-answer'
  | 'pve-task-failed';

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
    super('pve-unauthorized', message, { hint, ...context });
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
    super('pve-forbidden', message, { hint, ...context });
    this.path = path;
    this.privileges = privileges?.split('|') ?? [];
  }
}

/** The guest, node, storage, snapshot or volume that was named is not there. Proxmox answers 500. */
export class MissingError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('pve-missing', message, context);
  }
}

/** The guest is not on the node that was asked: it is on another one, or gone. Nothing was started. */
export class GuestNotHereError extends MissingError {}

/** 400. */
export class InvalidParametersError extends ProxmoxError {
  /** What is wrong, by parameter. */
  readonly errors: Readonly<Record<string, string>>;

  constructor(message: string, errors: Readonly<Record<string, string>>, context: ProxmoxErrorContext = {}) {
    super('pve-invalid-parameters', message, context);
    this.errors = errors;
  }
}

/** 501: no such path in this version. */
export class NotImplementedError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('pve-not-implemented', message, context);
  }
}

/** Nobody answered: refused, no route, no name, a time-out, a lost connection, 595 or 596. */
export class UnreachableError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('pve-unreachable', message, { retryable: true, ...context });
  }
}

/** The server could not prove to be the one that is trusted. Nothing was sent to it. */
export class TrustError extends ProxmoxError {
  /** Of the certificate that it showed instead of the pinned one, as `AA:BB:…`. */
  readonly shown: string | undefined;

  constructor(message: string, { shown, ...context }: ProxmoxErrorContext & { shown?: string } = {}) {
    const hint =
      "Compare with the fingerprint shown under the node's System → Certificates, then update the pin.";
    super('pve-untrusted', message, { hint, ...context });
    this.shown = shown;
  }
}

/** Any other refusal, as `CT is locked (backup)`. */
export class ServerError extends ProxmoxError {
  readonly status: number;

  constructor(message: string, status: number, context: ProxmoxErrorContext = {}) {
    super('pve-server-error', message, context);
    this.status = status;
  }
}

/** An answer that is not what this endpoint of Proxmox VE gives. */
export class UnexpectedAnswerError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('pve-unexpected-answer', message, context);
  }
}

/** A task that was started and ended badly. */
export class TaskFailedError extends ProxmoxError {
  constructor(message: string, context: ProxmoxErrorContext = {}) {
    super('pve-task-failed', message, context);
  }
}
