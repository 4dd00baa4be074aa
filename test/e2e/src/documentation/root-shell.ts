import { request } from 'node:https';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import type { PveSim } from '@tacet/pve-sim';
import {
  connect,
  type ProxmoxClient,
  requireSuccess,
  type Upid,
  upidSchema,
  waitForTask,
} from '@tacet/proxmox';
import type { Undo } from '@tacet/runtime';
import type { StandIn } from './stand-ins.ts';

const never = new AbortController().signal;
type Params = Readonly<Record<string, string>>;

/** `pveum` and `pct` of a simulated node, as root types them: each line is the call that the real one makes. */
export class RootShell {
  readonly #sim: PveSim;
  readonly #token: { readonly id: string; readonly secret: string };
  readonly node: ProxmoxClient;

  constructor(undo: Undo, sim: PveSim) {
    this.#sim = sim;
    this.#token = sim.createToken('root@pam', { tokenid: 'shell', privsep: false });
    const trust = { fingerprint: sim.fingerprint };
    this.node = connect({ url: sim.url, token: this.#token, trust });
    undo.defer(() => this.node.close());
  }

  readonly pveum: StandIn = async (words) => {
    const { names, options } = split(words);
    const [kind, ...rest] = names;
    const [verb, first = '', second = ''] = kind === 'user' && rest[0] === 'token' ? rest.slice(1) : rest;
    const asked = [kind, ...(kind === 'user' && rest[0] === 'token' ? ['token'] : []), verb].join(' ');
    const token = `/access/users/${first}/token/${second}`;
    switch (asked) {
      case 'role add':
        await this.call('POST', '/access/roles', { roleid: first, ...options });
        return '';
      case 'user add':
        await this.call('POST', '/access/users', { userid: first, ...options });
        return '';
      case 'user token add':
        return JSON.stringify(await this.call('POST', token, options));
      case 'user token delete':
        await this.call('DELETE', token);
        return '';
      case 'acl modify':
        await this.call('PUT', '/access/acl', { path: first, ...options });
        return '';
      case 'acl delete':
        await this.call('PUT', '/access/acl', { path: first, delete: '1', ...options });
        return '';
      default:
        throw new Error(`pveum ${words.join(' ')}: nothing stands in for that`);
    }
  };

  readonly pct: StandIn = async (words) => {
    const { names, options } = split(words);
    const [verb = '', vmid = '', name = ''] = names;
    switch (verb) {
      case 'restore': {
        const ostemplate = `local:backup/${basename(name)}`;
        await this.task('POST', '/nodes/pve1/lxc', { vmid, ostemplate, restore: '1', ...options });
        return '';
      }
      case 'start':
        await this.task('POST', `/nodes/pve1/lxc/${vmid}/status/start`);
        return '';
      case 'unlock':
        this.#sim.unlock(Number(vmid));
        return '';
      case 'delsnapshot':
        await this.task('DELETE', `/nodes/pve1/lxc/${vmid}/snapshot/${name}`);
        return '';
      default:
        throw new Error(`pct ${words.join(' ')}: nothing stands in for that`);
    }
  };

  /** Waits for the end of the task that the call starts. @throws when it fails */
  async task(method: string, path: string, params: Params = {}): Promise<void> {
    const outcome = await waitForTask(this.node.tasks, await this.start(method, path, params), {
      signal: never,
      deadlineMs: 30_000,
      pollMs: 20,
    });
    requireSuccess(outcome);
  }

  async start(method: string, path: string, params: Params = {}): Promise<Upid> {
    return upidSchema.parse(await this.call(method, path, params));
  }

  async call(method: string, path: string, params: Params = {}): Promise<unknown> {
    const form = new URLSearchParams(params).toString();
    const inBody = method !== 'GET' && method !== 'DELETE';
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = {
      authorization: `PVEAPIToken=${this.#token.id}=${this.#token.secret}`,
      ...(inBody && { 'content-type': 'application/x-www-form-urlencoded' }),
    };
    const url = `${this.#sim.url}/api2/json${path}${inBody ? '' : `?${form}`}`;
    const options = { method, headers, ca: this.#sim.certificatePem, agent: false };
    const call = request(url, options, (response) => {
      const { statusCode = 0, statusMessage = '' } = response;
      const read = text(response).then((body) => {
        if (statusCode === 200) return (JSON.parse(body) as { data: unknown }).data;
        throw new Error(`${method} ${path}: ${statusCode} ${statusMessage} ${body}`);
      });
      resolve(read);
    });
    call.on('error', reject);
    call.end(inBody ? form : undefined);
    return await promise;
  }
}

/** `--name value` apart from the rest. */
function split(words: readonly string[]): { names: string[]; options: Record<string, string> } {
  const names: string[] = [];
  const options: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word.startsWith('--')) options[word.slice(2)] = words[(at += 1)] ?? '';
    else names.push(word);
  }
  return { names, options };
}
