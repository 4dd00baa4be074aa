import type { World } from '../world.ts';
import type { Parameters, ParameterSchema } from './schema.ts';

export interface Call {
  readonly world: World;
  /** `dual@pve!tk`, `root@pam`; undefined for the few paths that need no login. */
  readonly caller: string;
  /** Path, query and body parameters together, validated. */
  readonly parameters: Parameters;
}

export interface Reply {
  readonly data: unknown;
  readonly total?: number;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/nodes/{node}/lxc/{vmid}/config`; a path with `{node}` is answered by that node. */
  readonly path: string;
  /** Those that are not in the path. */
  readonly parameters?: ParameterSchema;
  /** Checked before the parameters are; throws a 403. */
  readonly permission?: (call: Call) => void;
  /** Answered by pvedaemon, which runs as root, and not by pveproxy itself. */
  readonly protected?: boolean;
  readonly public?: boolean;
  handle(call: Call): Reply | Promise<Reply>;
}

export function data(value: unknown): Reply {
  return { data: value };
}

/** A parameter that the schema requires. */
export function parameter(call: Call, name: string): string {
  const value = call.parameters[name];
  if (value === undefined) throw new Error(`the endpoint's schema lets '${name}' be missing`);
  return value;
}
