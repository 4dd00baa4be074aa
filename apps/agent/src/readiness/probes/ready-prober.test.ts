import { once } from 'node:events';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server } from 'node:net';
import { ManualClock, systemClock, Undo } from '@tacet/runtime';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DiscoveredService, discover } from '../../discovery/compose.ts';
import type { ExecRequest, ExecResult } from '../../engine/engine.ts';
import { MemoryEngine } from '../../memory.ts';
import { ReadyProber } from './ready-prober.ts';

const soon = () => AbortSignal.timeout(10_000);

let undo: Undo;
beforeEach(() => void (undo = new Undo()));
afterEach(() => undo[Symbol.asyncDispose]());

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

const answering: RequestListener = ({ url, headers }, response) => {
  response.writeHead(Number(url?.slice(1)) || 200, { agent: headers['user-agent'] });
  response.end();
};

/** Ends its commands as it is told. */
class ObeyingEngine extends MemoryEngine {
  readonly commands: string[] = [];
  result: ExecResult = { exitCode: 0, stdout: '', stderr: '' };

  override async exec(_containerId: string, { argv }: ExecRequest): Promise<ExecResult> {
    this.commands.push(argv.join(' '));
    return this.result;
  }
}

function house(
  labels: Record<string, string>,
  clock = systemClock,
  address: string | undefined = '127.0.0.1',
) {
  const engine = new ObeyingEngine({ containers: [{ stack: 'shop', service: 'web', image: 'web', labels }] });
  const prober = new ReadyProber(engine, clock);
  const services = async (): Promise<DiscoveredService[]> =>
    discover(await engine.containers(soon())).map((service) => ({
      ...service,
      container: { ...service.container, ...(address !== undefined && { address }) },
    }));
  return { engine, prober, ask: async () => await prober.ask(await services(), soon()) };
}

const ready = (probe: string) => ({ stack: 'shop', service: 'web', probe, trouble: undefined });

describe('a probe by label', () => {
  it('of a port succeeds while somebody takes connections there', async () => {
    const port = await portOf(createTcp((socket) => socket.end()));
    expect(await house({ 'tacet.ready.tcp': `${port}` }).ask()).toEqual([ready(`tcp ${port}`)]);
    const closed = createTcp();
    const free = await portOf(closed);
    closed.close();
    const [answer] = await house({ 'tacet.ready.tcp': `${free}` }).ask();
    expect(answer?.trouble).toContain('ECONNREFUSED');
  });

  it('of a page succeeds while it is answered with 2xx or 3xx', async () => {
    const port = await portOf(createHttp(answering));
    for (const [path, trouble] of [
      ['/', undefined],
      ['/302', undefined],
      ['/404', 'it answers 404'],
      ['/503', 'it answers 503'],
    ] as const) {
      const [answer] = await house({ 'tacet.ready.http': `${port}${path}` }).ask();
      expect(answer).toEqual({ ...ready(`http ${port}${path}`), trouble });
    }
  });

  it('of a page behind TLS takes whatever certificate there is', async () => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec' });
    const port = await portOf(createHttps({ cert, key }, answering));
    expect(await house({ 'tacet.ready.http': `https:${port}/` }).ask()).toEqual([
      ready(`http https:${port}/`),
    ]);
  });

  it('of a command succeeds when it ends with 0', async () => {
    const { engine, ask } = house({ 'tacet.ready.exec': 'test -e /ready' });
    expect(await ask()).toEqual([ready('exec')]);
    expect(engine.commands).toEqual(['sh -c test -e /ready']);
    const other = house({ 'tacet.ready.exec': 'check' });
    other.engine.result = { exitCode: 3, stdout: 'x\n', stderr: 'first\nno index yet\n' };
    expect((await other.ask())[0]?.trouble).toBe('exit code 3: no index yet');
  });

  it('is given up after its time', async () => {
    const port = await portOf(createHttp(() => undefined));
    const [answer] = await house({ 'tacet.ready.http': `${port}/`, 'tacet.ready.timeout': '200ms' }).ask();
    expect(answer?.trouble).toContain('took longer than 200 ms');
  });

  it('needs an address, and says what does not', async () => {
    const engine = house({ 'tacet.ready.tcp': '80' }, systemClock, '');
    const prober = new ReadyProber(engine.engine, systemClock);
    const [answer] = await prober.ask(discover(await engine.engine.containers(soon())), soon());
    expect(answer?.trouble).toBe('the container has no address of its own');
  });

  it('is not asked again each round once it has succeeded, but after a while and after a start', async () => {
    const clock = new ManualClock();
    const { engine, ask } = house({ 'tacet.ready.exec': 'check' }, clock);
    await ask();
    await ask();
    expect(engine.commands).toHaveLength(1);
    await clock.advance(31_000);
    await ask();
    expect(engine.commands).toHaveLength(2);
    engine.result = { exitCode: 1, stdout: '', stderr: '' };
    const id = engine.idOf('shop/web');
    engine.crash(id);
    expect(await ask()).toEqual([]);
    await engine.start(id, soon());
    for (let round = 0; round < 2; round += 1) expect((await ask())[0]?.trouble).toBe('exit code 1');
    expect(engine.commands).toHaveLength(4);
  });

  it.each(['0', '65536', 'http', '80/', '-1'])('that is not right (tcp %s) is none', async (port) => {
    expect(await house({ 'tacet.ready.tcp': port }).ask()).toEqual([]);
  });

  it.each(['8080', 'localhost:8080/', 'http://x/', '8080/a b', 'https:/x'])(
    'that is not right (http %s) is none',
    async (url) => {
      expect(await house({ 'tacet.ready.http': url }).ask()).toEqual([]);
    },
  );
});
