import { type AccessApi, accessApi } from './access.ts';
import { type ClusterApi, clusterApi } from './cluster.ts';
import { tokenCredentials } from './credentials.ts';
import { type LxcApi, lxcApi } from './lxc.ts';
import { type StorageApi, storageApi } from './storage.ts';
import { type TasksApi, tasksApi } from './tasks.ts';
import { type ConnectionOptions, openTransport, type Transport } from './transport.ts';
import { type VzdumpApi, vzdumpApi } from './vzdump.ts';

export interface ProxmoxClient extends AsyncDisposable {
  readonly cluster: ClusterApi;
  readonly lxc: LxcApi;
  readonly storage: StorageApi;
  readonly vzdump: VzdumpApi;
  readonly tasks: TasksApi;
  readonly access: AccessApi;
  /** Waits for the requests that are under way. */
  close(): Promise<void>;
}

/**
 * A client of one node's API with one token. Opens no connection by itself. The server is always verified,
 * before anything, the token included, is sent to it.
 * @throws TacetError `pve-bad-connection` for options that cannot work
 */
export function connect(options: ConnectionOptions): ProxmoxClient {
  return clientOver(openTransport(options, tokenCredentials(options.token)));
}

export function clientOver(transport: Transport): ProxmoxClient {
  return {
    cluster: clusterApi(transport),
    lxc: lxcApi(transport),
    storage: storageApi(transport),
    vzdump: vzdumpApi(transport),
    tasks: tasksApi(transport),
    access: accessApi(transport),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
