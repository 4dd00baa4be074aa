import type { GuestResource } from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import type { ControllerConfig } from '../config.ts';
import type { LiveGuest } from '../gateway/roster.ts';
import type { ConfiguredNode } from '../nodes/node.ts';
import type { StoredGuest } from '../store/guests.ts';
import { type Ask, type Attempt, failed } from './attempt.ts';
import type { HouseFacts, StorageFacts } from './facts.ts';
import { tryBoundary } from './gather-boundary.ts';
import { agentFacts, askGuest, type AskedGuest } from './gather-guest.ts';
import { type AskedNode, askNode } from './gather-node.ts';

export interface HousePorts {
  readonly nodes: readonly ConfiguredNode[];
  /** Enrolled or quarantined. */
  readonly guests: () => Promise<readonly StoredGuest[]>;
  readonly live: (vmid: number) => LiveGuest | undefined;
  /** Of all schedules. */
  readonly retentions: () => Promise<readonly unknown[]>;
  readonly hook: ControllerConfig['hook'];
  /** Who makes scratch guests knows of them, and nobody backs them up. */
  readonly drill?: ControllerConfig['drill'];
  readonly controllerVersion: string;
  readonly clock: Clock;
}

/** Each has a token and so a connection of its own; a node has few workers for all of them. */
const GUESTS_AT_ONCE = 6;
/** How many guests' tokens a storage is looked at with before it counts as not known. */
const TOKENS_PER_STORAGE = 3;

/**
 * Asks nodes, tokens, guests and storages, each once, and nobody to change anything.
 *
 * @param vmids all that are enrolled or configured when left out, but for scratch guests.
 */
export async function gatherFacts(
  ports: HousePorts,
  vmids: readonly number[] | undefined,
  ask: Ask,
): Promise<HouseFacts> {
  const { controllerVersion, hook, drill, clock } = ports;
  const enrolled = new Map<number, StoredGuest>();
  for (const guest of await ports.guests()) {
    if (guest.identity === 'enrolled' && guest.vmid !== null) enrolled.set(guest.vmid, guest);
  }
  const isScratch = (vmid: number): boolean =>
    drill !== undefined && vmid >= drill.vmids.from && vmid <= drill.vmids.to;
  const toBackUp = [...enrolled.keys()].filter((vmid) => !isScratch(vmid));
  const hasRetention = (await ports.retentions()).length > 0;
  const withToken = ports.nodes.flatMap(({ guests }) => [...guests.keys()]);
  const wanted = [...new Set(vmids ?? [...toBackUp, ...withToken])].toSorted((one, other) => one - other);

  const [first, ...others] = await Promise.all(ports.nodes.map((node) => askNode(node, hook, clock, ask)));
  const house = { controllerVersion, hasRetention };
  if (first === undefined) return { ...house, nodes: [], storages: [], guests: [] };
  const asked = await inTurns(wanted, (vmid) =>
    askGuest(vmid, [first, ...others], agentFacts(enrolled.get(vmid), ports.live(vmid)), ask),
  );
  const seen = await everythingSeen([first, ...others], asked);
  const guests = await inTurns(asked, async ({ facts, client, home }) => {
    const node = (facts.place.ok && facts.place.value?.node) || home.facts.name;
    const isOwn = client !== undefined && facts.token?.tier === 'guest';
    const boundary = isOwn ? await tryBoundary(facts.vmid, client.api, node, seen.get(home) ?? [], ask) : [];
    return { ...facts, boundary };
  });
  const concerned = [first, ...others].filter(
    (node) => vmids === undefined || node.down !== undefined || asked.some(({ home }) => home === node),
  );
  return {
    ...house,
    guests,
    nodes: concerned.map(({ facts, node }) => ({
      ...facts,
      guests: node.guests.size > 0 ? [...node.guests.keys()] : toBackUp,
    })),
    storages: await gatherStorages(concerned, asked, ask),
  };
}

/** By node: the guests that its tokens show, as far as they are asked at all. */
async function everythingSeen(
  nodes: readonly AskedNode[],
  asked: readonly AskedGuest[],
): Promise<ReadonlyMap<AskedNode, readonly GuestResource[]>> {
  const seen = new Map<AskedNode, readonly GuestResource[]>();
  for (const one of nodes) {
    const { backup, restore } = one.node;
    const ofGuests = asked.filter(({ home }) => home === one).map(({ client }) => client);
    const clients = [...new Set([backup, restore, ...ofGuests])].filter((client) => client !== undefined);
    const lists = one.down === undefined ? await inTurns(clients, one.shownTo) : [];
    seen.set(
      one,
      lists.flatMap((list) => (list.ok ? list.value : [])),
    );
  }
  return seen;
}

/** Of the nodes that the guests are on, and of those that are configured. */
async function gatherStorages(
  nodes: readonly AskedNode[],
  guests: readonly AskedGuest[],
  ask: Ask,
): Promise<StorageFacts[]> {
  const places = new Map<string, { node: string; home: AskedNode }>();
  for (const home of nodes) {
    const names = guests
      .filter((guest) => guest.home === home)
      .flatMap(({ facts: { place } }) => (place.ok && place.value !== undefined ? [place.value.node] : []));
    for (const node of names.length === 0 ? [home.facts.name] : names) {
      places.set(`${home.facts.name} ${node}`, { node, home });
    }
  }
  return await inTurns([...places.values()], async ({ node, home }) => {
    const { config, backup, restore } = home.node;
    const { storage } = config;
    const ofGuests = guests.filter((guest) => guest.home === home).map(({ client }) => client);
    const clients = [...new Set([...ofGuests, backup, restore])].filter((client) => client !== undefined);
    let status: Attempt<never> | StorageFacts['status'] = failed(
      home.down ?? new Error('no token is accepted'),
    );
    if (home.down !== undefined) return { node, storage, status };
    for (const { api } of clients.slice(0, TOKENS_PER_STORAGE)) {
      status = await ask((signal) => api.storage.status({ node, storage }, { signal }));
      if (status.ok) break;
    }
    return { node, storage, status };
  });
}

/** Some at once; the outcomes stand in the order of the items. */
async function inTurns<Item, Outcome>(
  items: readonly Item[],
  work: (item: Item) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes = new Map<number, Outcome>();
  const waiting = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, item] = next;
      outcomes.set(index, await work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.min(GUESTS_AT_ONCE, items.length) }, worker));
  return [...outcomes].toSorted(([one], [other]) => one - other).map(([, outcome]) => outcome);
}
