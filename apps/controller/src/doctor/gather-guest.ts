import type { GuestResource } from '@tacet/proxmox';
import type { StoredGuest } from '../store/guests.ts';
import type { LiveGuest } from '../gateway/roster.ts';
import { clientOf, type TokenClient } from '../nodes/node.ts';
import { type Ask, type Attempt, failed } from './attempt.ts';
import type { AgentFacts, GuestFacts, Place, TokenFacts } from './facts.ts';
import type { AskedNode } from './gather-node.ts';
import { gatherToken, rejection } from './gather-token.ts';

/** A guest with what its boundary and its storage are asked with. */
export interface AskedGuest {
  readonly facts: Omit<GuestFacts, 'boundary'>;
  /** The configured node that speaks for it. */
  readonly home: AskedNode;
  /** Its own token, or one for all; undefined also where that is no use. */
  readonly client: TokenClient | undefined;
}

export async function askGuest(
  vmid: number,
  nodes: readonly [AskedNode, ...AskedNode[]],
  agent: AgentFacts | undefined,
  ask: Ask,
): Promise<AskedGuest> {
  const candidates = nodes.toSorted((one, other) => closeness(other, vmid) - closeness(one, vmid));
  // First, because one that is rejected is asked no more.
  const tokens = new Map<TokenClient, TokenFacts>();
  for (const { node, down } of candidates) {
    const own = node.guests.get(vmid);
    if (own !== undefined) tokens.set(own, await gatherToken(own, 'guest', ask, down));
  }
  const { place, seenOn } = await locate(vmid, candidates, tokens);
  const home = seenOn ?? candidates[0] ?? nodes[0];
  const { node, facts, down } = home;
  const client = clientOf(node, vmid);
  const token = (client && tokens.get(client)) ?? facts.shared;
  const isContainer = !place.ok || place.value?.type !== 'qemu';
  const useless = down ?? (token && rejection(token)) ?? (place.ok ? undefined : place.error);
  const read = async <T>(
    work: (api: TokenClient['api'], signal: AbortSignal) => Promise<T>,
  ): Promise<Attempt<T>> => {
    if (useless !== undefined) return failed(useless);
    if (client === undefined) return failed(new Error('there is no token to ask with'));
    if (!isContainer) return failed(new Error('it is a VM'));
    return await ask((signal) => work(client.api, signal));
  };
  // Where it is cannot be seen without VM.Audit: then the configured node, which says what is missing.
  const where = { node: (place.ok && place.value?.node) || node.config.name, vmid };
  const [config, canSnapshot] = await Promise.all([
    read((api, signal) => api.lxc.config(where, { signal })),
    read((api, signal) => api.lxc.canSnapshot(where, { signal })),
  ]);
  return {
    home,
    client: useless === undefined ? client : undefined,
    facts: {
      vmid,
      speaker: node.config.name,
      place,
      token,
      restore: facts.restore,
      backupStorage: node.config.storage,
      restoreStorage: node.config.restoreStorage,
      config,
      canSnapshot,
      agent,
    },
  };
}

function closeness({ node }: AskedNode, vmid: number): number {
  return node.guests.has(vmid) ? 2 : Number(node.backup !== undefined);
}

async function locate(
  vmid: number,
  candidates: readonly AskedNode[],
  tokens: ReadonlyMap<TokenClient, TokenFacts>,
): Promise<{ place: Attempt<Place | undefined>; seenOn?: AskedNode }> {
  let failure: { error: unknown } | undefined;
  for (const candidate of candidates) {
    const { node } = candidate;
    for (const client of [clientOf(node, vmid), node.restore]) {
      if (client === undefined) continue;
      const token = tokens.get(client);
      const refused = token && rejection(token);
      const shown: Attempt<GuestResource[]> =
        refused === undefined ? await candidate.shownTo(client) : failed(refused);
      if (!shown.ok) {
        failure ??= shown;
        continue;
      }
      const resource = shown.value.find((guest) => guest.vmid === vmid);
      if (resource === undefined) continue;
      const { node: name, type } = resource;
      return { place: { ok: true, value: { node: name, type } }, seenOn: candidate };
    }
  }
  return { place: failure === undefined ? { ok: true, value: undefined } : failed(failure.error) };
}

/** What its agent says, or said last. */
export function agentFacts(
  stored: StoredGuest | undefined,
  live: LiveGuest | undefined,
): AgentFacts | undefined {
  if (stored === undefined) return undefined;
  const status = live?.status ?? stored.status;
  const connected = live !== undefined && live.session !== null;
  const condition = status?.conditions.find(({ type }) => type === 'EngineReachable');
  return {
    connected,
    version: live?.agentVersion ?? stored.agentVersion,
    engineReachable: condition && { status: condition.status, message: condition.message },
    seen: status?.facts,
  };
}
