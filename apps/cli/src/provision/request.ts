import type { EndpointOptions } from '@tacet/proxmox';
import type { DrillInput } from './wish.ts';

/** What was asked for on the command line, checked as far as that goes without a node. */
export interface Request {
  readonly mode: 'provision' | 'rotate' | 'revoke';
  readonly dryRun: boolean;
  readonly fixRoles: boolean;
  readonly userId: string;
  readonly node: string;
  readonly secrets: string;
  /** What the controller seals them with, where it was named. */
  readonly keyFile: string | undefined;
  readonly guests: readonly number[];
  readonly storages: readonly string[];
  readonly restore: RestoreRequest | undefined;
}

/** What is left out is found on the node: where the guests have their disks and networks now. */
export interface RestoreRequest {
  readonly targets: readonly number[];
  readonly storages: readonly string[] | undefined;
  readonly bridges: readonly string[] | undefined;
  readonly inPlace: boolean;
  readonly copyNetwork: boolean;
  readonly drill: DrillInput | undefined;
}

export interface Login {
  readonly endpoint: EndpointOptions;
  readonly userId: string;
}
