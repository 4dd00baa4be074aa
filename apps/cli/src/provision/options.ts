import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { vmidSchema } from '@tacet/protocol';
import type { Trust } from '@tacet/proxmox';
import { InvalidArgumentError } from 'commander';
import { CliError, usage } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Login, Request, RestoreRequest } from './request.ts';
import { type RestoreInput, type Wish, wishFor } from './wish.ts';

/** As the command line has them. */
export interface ProvisionOptions {
  readonly url?: string;
  readonly fingerprint?: string;
  readonly ca?: string;
  readonly login: string;
  readonly user: string;
  readonly guest?: readonly number[];
  readonly storage?: readonly string[];
  readonly restore?: boolean;
  readonly target?: readonly number[];
  readonly targetStorage?: readonly string[];
  readonly bridge?: readonly string[];
  readonly inPlace?: boolean;
  readonly copyNetwork?: boolean;
  readonly drillPool?: string;
  readonly drillBridge?: string;
  readonly drillStorage?: string;
  readonly node?: string;
  readonly secrets: string;
  readonly keyFile?: string;
  readonly dryRun?: boolean;
  readonly print?: boolean;
  readonly rotate?: boolean;
  readonly revoke?: boolean;
  readonly fixRoles?: boolean;
  readonly showSecrets?: boolean;
}

/** Longer lists are typing errors: each VMID is an entry in the access control of the whole cluster. */
const VMIDS_MAX = 1_000;

/** @throws CliError for options that do not fit together */
export function requestFrom(options: ProvisionOptions): Request {
  const { guest: guests = [], storage: storages = [], rotate, revoke, restore = false } = options;
  if (rotate === true && revoke === true) throw usage('--rotate and --revoke exclude each other');
  const mode = rotate === true ? 'rotate' : revoke === true ? 'revoke' : 'provision';
  if (guests.length === 0 && !(mode === 'revoke' && restore)) {
    throw usage('no guest is named', 'Name the guests that are backed up: --guest 101,102');
  }
  if (mode !== 'revoke' && storages.length === 0) {
    throw usage('no storage is named', 'Name where the backups go: --storage local');
  }
  if (options.user === 'root@pam') {
    throw usage(
      'the tokens need a user of their own',
      'Leave --user out, or name one that has nothing else.',
    );
  }
  return {
    mode,
    guests,
    storages,
    restore: restoreFrom(options, guests, mode),
    dryRun: options.dryRun === true,
    fixRoles: options.fixRoles === true,
    userId: options.user,
    node: options.node ?? hostOf(options.url),
    secrets: resolve(options.secrets),
    keyFile: options.keyFile === undefined ? undefined : resolve(options.keyFile),
  };
}

function restoreFrom(
  options: ProvisionOptions,
  guests: readonly number[],
  mode: Request['mode'],
): RestoreRequest | undefined {
  const {
    restore = false,
    target: targets = [],
    targetStorage: storages,
    bridge: bridges,
    inPlace,
    copyNetwork,
  } = options;
  const drill = drillFrom(options);
  if (!restore) {
    const others = [storages, bridges, inPlace, copyNetwork, drill];
    if (targets.length === 0 && others.every((one) => one === undefined)) return undefined;
    throw usage(
      '--target, --target-storage, --bridge, --in-place, --copy-network and --drill-… are for the restore token',
      'Ask for it: --restore',
    );
  }
  if (mode !== 'revoke' && targets.length === 0 && drill === undefined) {
    throw usage(
      '--restore needs the VMIDs of copies, or a pool for drills',
      'Keep some free for them: --target 201-209; or name a pool: --drill-pool tacet-drill',
    );
  }
  const both = targets.find((vmid) => guests.includes(vmid));
  if (both !== undefined) {
    throw usage(
      `guest ${both} cannot be a copy as well: the restore token could destroy it`,
      'Name VMIDs that are free.',
    );
  }
  return { targets, storages, bridges, inPlace: inPlace === true, copyNetwork: copyNetwork === true, drill };
}

function drillFrom({ drillPool: pool, drillBridge: bridge, drillStorage: storage }: ProvisionOptions) {
  if (pool !== undefined) return { pool, bridge, storage };
  if (bridge === undefined && storage === undefined) return undefined;
  throw usage(
    '--drill-bridge and --drill-storage are for scratch guests in a pool of their own',
    'Name it; it is made where it is not there: --drill-pool tacet-drill',
  );
}

/** @throws CliError unless it is said which node, and how it proves to be that */
export async function loginFrom({ url, fingerprint, ca, login }: ProvisionOptions): Promise<Login> {
  if (url === undefined) {
    throw usage('no node is named', 'Name it: --url https://pve1.example:8006, or use --print.');
  }
  if (!url.startsWith('https://') || !URL.canParse(url)) throw usage(`not an https URL: ${url}`);
  if ((fingerprint === undefined) === (ca === undefined)) {
    throw usage(
      'say how the node proves who it is: either --fingerprint or --ca',
      'On the node, pvenode cert info shows the fingerprint, and /etc/pve/pve-root-ca.pem is its CA.',
    );
  }
  const trust: Trust =
    fingerprint === undefined ? { ca: ca === 'system' ? ca : await readCa(ca ?? '') } : { fingerprint };
  return { userId: login, endpoint: { url, trust } };
}

/** What is wished for without a look at the node: nothing can be found out. */
export function wishedUnseen(request: Request): Wish {
  return wishFor({ ...request, restore: request.restore && knownRestore(request.restore) });
}

function knownRestore({ storages, bridges, ...rest }: RestoreRequest): RestoreInput {
  if (storages !== undefined && bridges !== undefined) return { ...rest, storages, bridges };
  const missing = storages === undefined ? '--target-storage' : '--bridge';
  throw usage(
    `--print with --restore needs ${missing}`,
    'Name what the copies will use, as the guests do now.',
  );
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError(`cannot read the CA certificate ${path}`, exitCodes.usage, {
      code: 'invalid-input',
      cause,
    });
  }
}

function hostOf(url: string | undefined): string {
  const host = url !== undefined && URL.canParse(url) ? new URL(url).hostname : 'pve';
  return host.replaceAll(/[^\w.-]+/g, '-').replace(/^[^a-z0-9]+/i, '');
}

export function vmids(text: string): number[] {
  const all = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    for (let vmid = Number(first); vmid <= Number(last) && all.size <= VMIDS_MAX; vmid += 1) all.add(vmid);
    if (!vmidSchema.safeParse(Number(first)).success || Number(last) < Number(first)) {
      throw new InvalidArgumentError('Write VMIDs as 101,102,110-119.');
    }
  }
  if (all.size > VMIDS_MAX) throw new InvalidArgumentError(`That is more than ${VMIDS_MAX} VMIDs.`);
  return [...all];
}

const STORAGE = /^[A-Za-z][\w.-]*$/;
const BRIDGE = /^[\w.-]+(?:\/[\w.-]+)?$/;
export const storages = names('storage', STORAGE);
export const bridges = names('bridge', BRIDGE);

export const pool = oneName('pool', /^[\w.-]+(?:\/[\w.-]+){0,2}$/);
export const storage = oneName('storage', STORAGE);
export const bridge = oneName('bridge', BRIDGE);

function oneName(what: string, pattern: RegExp): (text: string) => string {
  return (text) => {
    if (pattern.test(text)) return text;
    throw new InvalidArgumentError(`'${text}' is not the name of a ${what}.`);
  };
}

function names(what: string, pattern: RegExp): (text: string) => string[] {
  return (text) => {
    const all = [...new Set(text.split(',').map((name) => name.trim()))];
    const wrong = all.find((name) => !pattern.test(name));
    if (wrong === undefined) return all;
    throw new InvalidArgumentError(`'${wrong}' is not the name of a ${what}.`);
  };
}

export function userId(text: string): string {
  if (/^[^\s:/@!,;]+@[A-Za-z][\w.-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Write it with its realm, as root@pam.');
}

export function nodeName(text: string): string {
  if (/^[A-Za-z0-9][\w.-]*$/.test(text)) return text;
  throw new InvalidArgumentError('A node has letters, digits, dots and dashes.');
}
