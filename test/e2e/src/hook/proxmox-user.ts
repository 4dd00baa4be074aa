import { request } from 'node:https';
import { connect, followTask, type ProxmoxClient, type Upid, upidSchema } from '@tacet/proxmox';
import type { PveSim } from '@tacet/pve-sim';
import { systemClock } from '@tacet/runtime';

export interface VzdumpRun {
  readonly exitstatus: string;
  readonly log: readonly string[];
}

const never = new AbortController().signal;

/** Somebody at Proxmox VE's own interface, who knows nothing of Tacet. */
export class ProxmoxUser implements AsyncDisposable {
  readonly #sim: PveSim;
  readonly #token: { readonly id: string; readonly secret: string };
  readonly #node: ProxmoxClient;
  #endedAt = 0;

  constructor(sim: PveSim) {
    this.#sim = sim;
    this.#token = sim.createToken('root@pam', { tokenid: 'somebody', privsep: false });
    this.#node = connect({
      url: sim.url,
      token: this.#token,
      trust: { fingerprint: sim.fingerprint },
    });
  }

  /** `vmid` may be a list. @returns the way to wait for its end. */
  async startVzdump(params: Readonly<Record<string, string | number>>): Promise<() => Promise<VzdumpRun>> {
    // The name of an archive has no more than its second, and on a real node no backup is over within that.
    await systemClock.sleep(Math.floor(this.#endedAt / 1_000 + 1) * 1_000 - Date.now());
    const all = { storage: 'local', mode: 'snapshot', compress: 'zstd', ...params };
    const body = new URLSearchParams(Object.entries(all)).toString();
    const upid = upidSchema.parse(await this.#post('/nodes/pve1/vzdump', body));
    return () => this.#follow(upid);
  }

  async vzdump(params: Readonly<Record<string, string | number>>): Promise<VzdumpRun> {
    const ended = await this.startVzdump(params);
    return await ended();
  }

  /** Of vzdump, whoever started it. */
  async lastTask(): Promise<VzdumpRun> {
    return await this.#follow(await this.#lastUpid());
  }

  async stopVzdump(): Promise<void> {
    await this.#node.tasks.stop(await this.#lastUpid());
  }

  /** As the kernel does it when memory is short. */
  async killVzdump(): Promise<void> {
    this.#sim.killWorker(await this.#lastUpid());
  }

  async notesOf({ volid }: { volid: string }): Promise<string> {
    return (await this.#node.storage.attributes({ node: 'pve1', volid })).notes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.close();
  }

  async #lastUpid(): Promise<Upid> {
    const [last] = await this.#node.tasks.list('pve1', { type: 'vzdump', source: 'all', limit: 1 });
    if (last === undefined) throw new Error('there was no vzdump yet');
    return last.upid;
  }

  async #follow(upid: Upid): Promise<VzdumpRun> {
    const log: string[] = [];
    const options = { signal: never, deadlineMs: 300_000, pollMs: 20 };
    for await (const poll of followTask(this.#node.tasks, upid, options)) {
      log.push(...poll.lines.map(({ text }) => text));
      if (poll.status === undefined) continue;
      this.#endedAt = Date.now();
      return { exitstatus: poll.status.exitstatus ?? '', log };
    }
    throw new Error(`the task ${upid} has no end`);
  }

  /** The typed client asks for no more than one guest at a time. */
  async #post(path: string, body: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = {
      authorization: `PVEAPIToken=${this.#token.id}=${this.#token.secret}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const options = { method: 'POST', ca: this.#sim.certificatePem, headers };
    const call = request(`${this.#sim.url}/api2/json${path}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject);
      response.on('end', () => {
        const answer: { data: unknown } = JSON.parse(text);
        resolve(answer.data);
      });
    });
    call.on('error', reject);
    call.end(body);
    return await promise;
  }
}

/** What the hook wrote into the task's log. */
export function said({ log }: VzdumpRun): string[] {
  return log.flatMap((line) => /^INFO: tacet: (.*)$/.exec(line)?.[1] ?? []);
}
