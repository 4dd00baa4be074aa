import type { RestoreNetwork } from '@tacet/protocol';
import { type LxcConfig, printProperties } from '@tacet/proxmox';
import { Failure } from '../failure.ts';

/** Where Docker needs them: a copy without them would come up broken, and nobody would know why. */
const FEATURES = ['nesting', 'keyctl'] as const;

/** A drill's network: a bridge that leads nowhere but to the controller. */
export interface IsolatedBridge {
  readonly policy: 'bridge';
  readonly bridge: string;
  /** `dhcp`, or an address with its length. */
  readonly address: string;
  readonly gateway?: string | undefined;
}

const LOCAL = ['ip', 'gw', 'ip6', 'gw6'];

/**
 * `net0` of a restored guest by policy; undefined where it stays as it was.
 *
 * @param archived what the backup says.
 * @param keepMac for a guest that is replaced: it has to be known again.
 * @throws Failure `invalid-input` where the backup has no network to change.
 */
export function netOverride(
  archived: LxcConfig,
  network: RestoreNetwork | IsolatedBridge,
  keepMac: boolean,
): string | undefined {
  if (network.policy === 'keep') return undefined;
  const before = archived.networks['net0'];
  if (before === undefined) {
    throw new Failure('invalid-input', 'the guest of this backup has no net0 that could be changed', {
      hint: 'Restore it with its network as it is: --network keep.',
    });
  }
  // An address that is not given is made anew.
  const kept = without(before, ['type', ...(keepMac ? [] : ['hwaddr'])]);
  switch (network.policy) {
    case 'link-down':
      return printProperties({ ...kept, link_down: '1' });
    case 'dhcp':
      return printProperties({ ...without(kept, LOCAL), ip: 'dhcp' });
    case 'static':
      return printProperties({ ...without(kept, LOCAL), ...addressOf(network.address, network.gateway) });
    case 'bridge': {
      const { bridge, address, gateway } = network;
      const bare = without(kept, [...LOCAL, 'bridge', 'tag', 'trunks', 'link_down']);
      return printProperties({ ...bare, bridge, ...addressOf(address, gateway) });
    }
  }
}

/** What a restore has changed of what it must not change, in words. */
export function lostSettings(archived: LxcConfig, restored: LxcConfig): string[] {
  const lost: string[] = [];
  if (archived.unprivileged !== restored.unprivileged) {
    lost.push(`unprivileged was ${flag(archived.unprivileged)}, and is ${flag(restored.unprivileged)} now`);
  }
  for (const feature of FEATURES) {
    const before = archived.features[feature] ?? '0';
    const now = restored.features[feature] ?? '0';
    if (before !== now) lost.push(`${feature} was ${before}, and is ${now} now`);
  }
  return lost;
}

/** As in `unprivileged, nesting=1, keyctl=1`. */
export function describeSettings({ unprivileged, features }: LxcConfig): string {
  const set = FEATURES.map((feature) => `${feature}=${features[feature] ?? '0'}`);
  return [unprivileged ? 'unprivileged' : 'privileged', ...set].join(', ');
}

/** What its disks may come to hold; null where the backup does not say of each. */
export function disksBytes({ mountPoints }: LxcConfig): number | null {
  const sizes = mountPoints.filter(({ backedUp }) => backedUp).map(({ sizeBytes }) => sizeBytes);
  return sizes.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
}

function addressOf(address: string, gateway: string | undefined): Record<string, string> {
  return { ip: address, ...(gateway !== undefined && { gw: gateway }) };
}

function without(
  properties: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
}

function flag(is: boolean): string {
  return is ? '1' : '0';
}
