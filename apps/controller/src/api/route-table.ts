import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Role } from '@tacet/protocol';
import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import { neededRole } from './security.ts';

export interface KnownRoute {
  /** As the description has it: `/api/v1/guests/{vmid}`. */
  readonly path: string;
  /** In words. */
  readonly summary: string;
  /** Undefined where it does not say. */
  readonly needs: Role | 'nobody' | undefined;
}

/** Which of the described routes a request is for. */
export class RouteTable {
  readonly #app: OpenAPIHono;
  #routes: Map<string, KnownRoute> | undefined;

  constructor(app: OpenAPIHono) {
    this.#app = app;
  }

  /** The one that answers: of those that match it was registered first. Undefined where none is described. */
  of(c: Context): KnownRoute | undefined {
    this.#routes ??= this.#read();
    const answering = matchedRoutes(c).find(({ method }) => method !== 'ALL');
    return answering && this.#routes.get(`${answering.method} ${answering.path}`);
  }

  /** At the first request, when all routes are there. */
  #read(): Map<string, KnownRoute> {
    const routes = new Map<string, KnownRoute>();
    for (const definition of this.#app.openAPIRegistry.definitions) {
      if (definition.type !== 'route') continue;
      const { route } = definition;
      const pattern = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
      routes.set(`${route.method.toUpperCase()} ${pattern}`, {
        path: route.path,
        summary: route.summary ?? route.path,
        needs: neededRole(route),
      });
    }
    return routes;
  }
}
