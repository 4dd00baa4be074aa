import type { Endpoint } from './endpoint.ts';
import type { Parameters } from './schema.ts';

interface Route {
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

/** Finds the endpoint of a path; names in braces match one path segment, percent-decoded. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(endpoints: readonly Endpoint[]) {
    this.#routes = endpoints.map((endpoint) => {
      const names: string[] = [];
      const pattern = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        names.push(name);
        return '([^/]+)';
      });
      return { endpoint, names, pattern: new RegExp(`^${pattern}$`) };
    });
  }

  find(
    method: string,
    path: string,
  ): { readonly endpoint: Endpoint; readonly inPath: Parameters } | undefined {
    for (const { endpoint, pattern, names } of this.#routes) {
      if (endpoint.method !== method) continue;
      const match = pattern.exec(path);
      if (match === null) continue;
      const values = names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]);
      return { endpoint, inPath: Object.fromEntries(values) };
    }
    return undefined;
  }
}
