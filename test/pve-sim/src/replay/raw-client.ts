import { Agent, fetch } from 'undici';
import type { PveSim } from '../sim.ts';
import { SECRET } from './recorded-node.ts';

export interface RawAnswer {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
  readonly body: unknown;
}

export interface RawRequest {
  readonly method: string;
  /** Below `/api2/json`, or whole. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string | number>> | undefined;
  /** `dual@pve!tk`, `ticket:root@pam`, or null. */
  readonly auth: string | null;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly rawBody?: string | undefined;
}

export interface FinishedTask {
  readonly upid: string;
  readonly exitstatus: string;
  readonly log: readonly string[];
}

const DEADLINE_MS = 20_000;

/** Requests as they were made for the recordings, with nothing interpreted. */
export class RawClient implements AsyncDisposable {
  readonly #sim: PveSim;
  readonly #agent: Agent;
  #ticket: Promise<{ ticket: string; CSRFPreventionToken: string }> | undefined;

  constructor(sim: PveSim) {
    this.#sim = sim;
    this.#agent = new Agent({ connect: { ca: sim.certificatePem } });
  }

  async send(request: RawRequest): Promise<RawAnswer> {
    const { method, params = {}, rawBody } = request;
    const path = request.path.startsWith('/api2/') ? request.path : `/api2/json${request.path}`;
    const encoded = new URLSearchParams(
      Object.entries(params).map(([key, value]) => [key, String(value)] as [string, string]),
    ).toString();
    const body = rawBody ?? (method === 'GET' || method === 'DELETE' || encoded === '' ? undefined : encoded);
    const query = body === undefined && encoded !== '' ? `?${encoded}` : '';
    const contentType = rawBody === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
    const response = await fetch(`${this.#sim.url}${path}${query}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(await this.#credentials(request)),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, reason: response.statusText, text, body: parse(text) };
  }

  /** Waits for a task that an answer named. */
  async finish(answer: RawAnswer, auth = 'root@pam!root', deadlineMs = DEADLINE_MS): Promise<FinishedTask> {
    const upid = upidOf(answer);
    const path = `/nodes/${upid.split(':')[1]}/tasks/${encodeURIComponent(upid)}`;
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const { data } = (await this.send({ method: 'GET', path: `${path}/status`, auth })).body as {
        data: { status: string; exitstatus?: string };
      };
      if (data.status === 'stopped') {
        return { upid, exitstatus: data.exitstatus ?? '', log: await this.log(upid, auth) };
      }
      if (Date.now() > deadline)
        throw new Error(`${upid} has not finished:\n${(await this.log(upid, auth)).join('\n')}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  async log(upid: string, auth = 'root@pam!root'): Promise<string[]> {
    const answer = await this.send({
      method: 'GET',
      path: `/nodes/${upid.split(':')[1]}/tasks/${encodeURIComponent(upid)}/log`,
      params: { start: 0, limit: 5000 },
      auth,
    });
    return (answer.body as { data: { n: number; t: string }[] }).data.map(({ t }) => t);
  }

  /** Waits until a line of the log starts with this text. */
  async waitForLine(answer: RawAnswer, start: string): Promise<void> {
    const upid = upidOf(answer);
    const deadline = Date.now() + DEADLINE_MS;
    while (!(await this.log(upid)).some((line) => line.startsWith(start))) {
      if (Date.now() > deadline) throw new Error(`no line '${start}' in ${upid}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #credentials({ auth, headers = {} }: RawRequest): Promise<Record<string, string>> {
    if (auth === null || auth === 'raw-header') {
      const entries = Object.entries(headers).map(([name, value]) => [
        name,
        value.replace('=SECRET', `=${SECRET}`),
      ]);
      return Object.fromEntries(entries);
    }
    if (!auth.startsWith('ticket:')) return { authorization: `PVEAPIToken=${auth}=${SECRET}` };
    this.#ticket ??= this.#login(auth.slice('ticket:'.length));
    const { ticket, CSRFPreventionToken } = await this.#ticket;
    return {
      cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`,
      csrfpreventiontoken: CSRFPreventionToken,
    };
  }

  async #login(username: string): Promise<{ ticket: string; CSRFPreventionToken: string }> {
    const answer = await this.send({
      method: 'POST',
      path: '/access/ticket',
      params: { username, password: 'ROOT-PASSWORD' },
      auth: null,
    });
    return (answer.body as { data: { ticket: string; CSRFPreventionToken: string } }).data;
  }
}

export function upidOf(answer: RawAnswer): string {
  const { data } = answer.body as { data: unknown };
  if (typeof data !== 'string') throw new Error(`no UPID but ${answer.status} ${answer.text}`);
  return data;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Some answers are empty or bare text; `text` has them.
    return undefined;
  }
}
