import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Undo } from '@tacet/runtime';
import type { Life } from './life.ts';

/** Secrets of channels that people are told through. */
export interface ChannelSecrets {
  readonly hookPath: string;
  readonly hookKey: string;
  readonly pushToken: string;
  readonly pushTopic: string;
  readonly mailPassword: string;
  readonly checkId: string;
}

/**
 * Has channels of every kind made, tested, shown and used, towards somebody who refuses everything and repeats whatever
 * he was told.
 *
 * @returns the statuses of what was asked
 */
export async function tellThroughChannels(
  life: Life,
  secrets: ChannelSecrets,
  undo: Undo,
): Promise<number[]> {
  const server = createServer((request, response) => {
    void text(request).then((body) =>
      response.writeHead(500).end(`refused: ${request.url} ${JSON.stringify(request.headers)} ${body}`),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const { port } = address;
  const url = `http://127.0.0.1:${port}`;
  const { hookPath, hookKey, pushToken, pushTopic, mailPassword, checkId } = secrets;
  const soon = { groupMs: 0 };
  const mail = { host: '127.0.0.1', port, from: 'tacet@house.example', to: ['anna@house.example'] };
  const channels: Record<string, object> = {
    hook: { kind: 'webhook', secrets: { url: `${url}/${hookPath}`, key: hookKey }, ...soon },
    push: { kind: 'ntfy', server: url, secrets: { topic: pushTopic, token: pushToken }, ...soon },
    gotify: { kind: 'gotify', server: url, secrets: { token: pushToken }, ...soon },
    mail: { kind: 'email', ...mail, username: 'tacet', secrets: { password: mailPassword }, ...soon },
    check: { kind: 'ping', secrets: { url: `${url}/${checkId}` } },
  };
  const statuses: number[] = [];
  for (const [name, channel] of Object.entries(channels)) {
    const path = `/api/v1/notifications/${name}`;
    statuses.push(await life.ask('PUT', path, channel));
    // Refused as a whole, with every secret in it.
    await life.ask('PUT', path, { ...channel, nonsense: [channel] });
    statuses.push(await life.ask('POST', `${path}/test`));
    await life.ask('GET', path);
    await life.ask('GET', `${path}/deliveries`);
  }
  return statuses;
}
