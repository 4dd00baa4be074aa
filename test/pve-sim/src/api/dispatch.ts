import { systemClock } from '@tacet/runtime';
import { accessEndpoints } from '../access/endpoints.ts';
import { Unauthenticated } from '../access/authenticate.ts';
import { clusterEndpoints } from '../cluster/endpoints.ts';
import { lxcReadEndpoints } from '../lxc/read-endpoints.ts';
import { lxcWriteEndpoints } from '../lxc/write-endpoints.ts';
import { restoreEndpoints } from '../lxc/restore.ts';
import type { NodeFaults } from '../node-faults.ts';
import { storageEndpoints } from '../storage/endpoints.ts';
import { taskEndpoints } from '../tasks/endpoints.ts';
import { vzdumpEndpoints } from '../vzdump/endpoints.ts';
import type { World } from '../world.ts';
import type { Endpoint, Reply } from './endpoint.ts';
import { failed, invalidParameters, PveError } from './errors.ts';
import { MalformedBody, readParameters } from './request.ts';
import { Router } from './router.ts';
import { type Parameters, STRING, validate, VMID } from './schema.ts';

/** What goes onto the wire. Without a body the reason is all a client gets. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly body?: unknown;
  readonly text?: string;
}

/** One request on its way, in the order of PVE::HTTPServer and PVE::RESTHandler. */
export class Dispatcher {
  readonly #world: World;
  readonly #faults: NodeFaults;
  readonly #router = new Router([
    ...clusterEndpoints,
    ...accessEndpoints,
    ...taskEndpoints,
    ...vzdumpEndpoints,
    ...storageEndpoints,
    ...lxcReadEndpoints,
    ...lxcWriteEndpoints,
    ...restoreEndpoints,
  ]);

  constructor(world: World, faults: NodeFaults) {
    this.#world = world;
    this.#faults = faults;
  }

  /** `path` is below `/api2/json`. */
  async answer(request: Request, path: string): Promise<Answer> {
    try {
      const reply = await this.#dispatch(request, path);
      const body = { data: reply.data, ...(reply.total === undefined ? {} : { total: reply.total }) };
      return { status: 200, reason: 'OK', body };
    } catch (error) {
      if (error instanceof Unauthenticated) {
        await systemClock.sleep(this.#world.timing.authDelayMs);
        return { status: 401, reason: error.message };
      }
      if (error instanceof PveError && error.status === 401) {
        await systemClock.sleep(this.#world.timing.authDelayMs);
      }
      return refusal(error);
    }
  }

  async #dispatch(request: Request, path: string): Promise<Reply> {
    const found = this.#router.find(request.method, path);
    const caller = found?.endpoint.public === true ? '' : this.#authenticate(request);
    const given = await readParameters(request);
    if (found === undefined) throw new PveError(501, `Method '${request.method} ${path}' not implemented`);
    if (this.#world.brokenPaths.has(path)) throw failed('got timeout');
    const { endpoint, inPath } = found;
    rejectConflicts(inPath, given);
    const parameters = { ...given, ...inPath };
    endpoint.permission?.({ world: this.#world, caller, parameters });
    return await this.#faults.through(
      parameters['node'] ?? this.#world.nodes[0] ?? '',
      endpoint,
      async () => {
        const valid = validate(schemaOf(endpoint, inPath), parameters);
        return await endpoint.handle({ world: this.#world, caller, parameters: valid });
      },
    );
  }

  #authenticate(request: Request): string {
    return this.#world.authenticator.authenticate(
      request.method,
      request.headers,
      Math.floor(Date.now() / 1000),
    );
  }
}

function rejectConflicts(inPath: Parameters, given: Parameters): void {
  for (const [name, value] of Object.entries(inPath)) {
    if (given[name] !== undefined && given[name] !== value) {
      throw invalidParameters({
        [name]: 'duplicate parameter (already defined in URI) with conflicting values!',
      });
    }
  }
}

function schemaOf(endpoint: Endpoint, inPath: Parameters): Record<string, typeof STRING> {
  const names = Object.keys(inPath).map((name) => [name, name === 'vmid' ? VMID : STRING]);
  return { ...Object.fromEntries(names), ...endpoint.parameters };
}

function refusal(error: unknown): Answer {
  if (!(error instanceof PveError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 500, reason: message, body: { data: null, message: `${message}\n` } };
  }
  const { status, message, errors } = error;
  if (status >= 595) return { status, reason: message };
  if (error instanceof MalformedBody) return { status, reason: message, text: message };
  // Only the 501 comes without the line feed that Perl's `die` leaves.
  const text = status === 501 ? message : `${message}\n`;
  return {
    status,
    reason: message,
    body: { data: null, message: text, ...(errors === undefined ? {} : { errors }) },
  };
}
