import { type LxcConfig, printProperties } from '@tacet/proxmox';
import { Failure } from '../failure.ts';
import { type IsolatedBridge, netOverride } from './restored-config.ts';

export type ScratchNetwork = IsolatedBridge | { readonly policy: 'link-down' };

/** Made anew where it is not given. */
const OWN = ['hwaddr', 'type'];
/** Where the cable leads to, and the way out: two ways out would leave it to chance which one is taken. */
const OUTWARD = ['gw', 'gw6', 'bridge', 'tag', 'trunks'];

/**
 * Every `netN` of a scratch guest: `net0` on the drill's bridge, and the cable of all others pulled; without a
 * bridge, that of all.
 *
 * @throws Failure `invalid-input` where the backup has no `net0` that could be on the bridge.
 */
export function isolatedNetworks(archived: LxcConfig, network: ScratchNetwork): Record<string, string> {
  const dropped = network.policy === 'bridge' ? [...OWN, ...OUTWARD] : OWN;
  const bridge = network.policy === 'bridge' && { bridge: network.bridge };
  const pulled = Object.entries(archived.networks).map(([key, properties]) => {
    const kept = Object.entries(properties).filter(([name]) => !dropped.includes(name));
    return [key, printProperties({ ...Object.fromEntries(kept), ...bridge, link_down: '1' })];
  });
  const net0 = network.policy === 'bridge' ? netOverride(archived, network, false) : undefined;
  return { ...Object.fromEntries(pulled), ...(net0 !== undefined && { net0 }) };
}

/** @throws Failure `restore-failed` that names the networks that lead elsewhere. */
export function requireIsolated(
  vmid: number,
  { networks }: Pick<LxcConfig, 'networks'>,
  network: ScratchNetwork,
): void {
  const open = Object.entries(networks).filter(([, properties]) => !isIsolated(properties, network));
  if (open.length === 0) return;
  const named = open.map(([key, properties]) => `${key} (${printProperties(properties)})`).join(', ');
  throw new Failure('restore-failed', `scratch guest ${vmid} was not started: not isolated is ${named}`);
}

function isIsolated(properties: Readonly<Record<string, string>>, network: ScratchNetwork): boolean {
  if (properties['link_down'] === '1') return true;
  const { bridge, tag, trunks } = properties;
  return (
    network.policy === 'bridge' && bridge === network.bridge && tag === undefined && trunks === undefined
  );
}
