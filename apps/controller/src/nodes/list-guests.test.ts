import { ForbiddenError, type GuestResource, type ProxmoxClient, UnreachableError } from '@tacet/proxmox';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config.ts';
import { listGuests } from './list-guests.ts';
import type { ConfiguredNode, TokenClient } from './node.ts';

const asked: string[] = [];

/** A token that sees these guests, or is answered with this. */
function token(name: string, sees: readonly number[] | Error): TokenClient {
  const guests = async (): Promise<GuestResource[]> => {
    asked.push(name);
    if (sees instanceof Error) throw sees;
    return sees.map((vmid) => ({
      vmid,
      type: 'lxc',
      node: 'pve1',
      name: `ct${vmid}`,
      status: 'running',
      template: false,
      tags: ['prod'],
    }));
  };
  return { tokenId: name, api: { cluster: { guests } } as unknown as ProxmoxClient };
}

function node(tokens: Partial<Omit<ConfiguredNode, 'config'>>): ConfiguredNode {
  asked.length = 0;
  const entry = {
    name: 'pve1',
    url: 'https://127.0.0.1:8006',
    trust: { ca: 'ca.pem' },
    backupToken: { id: 'a@pve!b', secretFile: 'secret' },
    storage: 'local',
  };
  const listen = { address: '127.0.0.1', port: 0 };
  const [config] = parseConfig({ listen, stateDir: '/nowhere', nodes: [entry] }).nodes;
  if (config === undefined) throw new Error('no node');
  return { config, backup: undefined, restore: undefined, guests: new Map(), ...tokens };
}

async function list(configured: ConfiguredNode): Promise<{ vmids: number[]; why: string | undefined }> {
  const [shown] = await listGuests([configured], (_, own) => own, new AbortController().signal);
  return { vmids: shown?.guests.map(({ vmid }) => vmid) ?? [], why: shown?.incompleteBecause };
}

describe('the guests of a node', () => {
  it('are those that a token may back up, and not what only restores see', async () => {
    const guests = new Map([101, 102].map((vmid) => [vmid, token(`guest-${vmid}`, [vmid])]));
    const found = await list(node({ guests, restore: token('restore', [101, 102, 900]) }));
    expect(found).toEqual({ vmids: [101, 102], why: undefined });
  });

  it('are asked for no more often than needed', async () => {
    const guests = new Map([101, 102].map((vmid) => [vmid, token(`guest-${vmid}`, [101, 102, 103])]));
    expect(await list(node({ guests }))).toEqual({ vmids: [101, 102], why: undefined });
    expect(asked).toEqual(['guest-101']);
    expect((await list(node({ guests, backup: token('backup', [101, 102, 103]) }))).vmids).toEqual([
      101, 102, 103,
    ]);
    expect(asked).toEqual(['backup']);
  });

  it('may be more than it shows where a token that was taken its rights sees an empty list', async () => {
    const guests = new Map([
      [101, token('guest-101', [])],
      [102, token('guest-102', [102])],
    ]);
    expect(await list(node({ guests }))).toEqual({
      vmids: [102],
      why: 'it does not show guest 101 to its token',
    });
  });

  it('may be more than it shows where a token is refused, or it is silent', async () => {
    const refused = new Map([
      [101, token('guest-101', new ForbiddenError('Permission check failed'))],
      [102, token('guest-102', [102])],
    ]);
    expect(await list(node({ guests: refused }))).toEqual({ vmids: [102], why: 'Permission check failed' });
    const silent = new Map(
      [101, 102].map((vmid) => [vmid, token(`guest-${vmid}`, new UnreachableError('no route'))]),
    );
    expect(await list(node({ guests: silent }))).toEqual({ vmids: [], why: 'no route' });
    expect(asked).toEqual(['guest-101']);
  });
});
