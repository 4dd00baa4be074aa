import { bridge } from '../addresses.ts';
import { run, runToExit } from './run.ts';

// Tells our bridge from one that happens to have its name: a local MAC that spells `tacet`, there from birth.
const ownerMac = '02:74:61:63:65:74';

/** Makes the lab's bridge where it is missing. Nothing is forwarded: guests reach the host and each other. */
export async function ensureBridge(signal: AbortSignal): Promise<void> {
  const found = await findBridge();
  if (found === 'foreign')
    throw new Error(`a network interface named ${bridge.name} exists that the lab did not make`);
  if (found === 'missing') {
    await run(['ip', 'link', 'add', 'name', bridge.name, 'address', ownerMac, 'type', 'bridge'], { signal });
  }
  const address = `${bridge.hostAddress}/${bridge.prefixLength}`;
  await run(['ip', 'address', 'replace', address, 'dev', bridge.name], { signal });
  await run(['ip', 'link', 'set', bridge.name, 'up'], { signal });
}

export async function removeBridge(): Promise<void> {
  if ((await findBridge()) === 'ours') await run(['ip', 'link', 'delete', bridge.name]);
}

export async function findBridge(): Promise<'ours' | 'foreign' | 'missing'> {
  const shown = await runToExit(['ip', '-json', 'link', 'show', 'dev', bridge.name]);
  if (shown.exitCode !== 0) return 'missing';
  const [link] = JSON.parse(shown.stdout) as { address?: string }[];
  return link?.address === ownerMac ? 'ours' : 'foreign';
}
