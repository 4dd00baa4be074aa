import type { LoginInfo, Role } from '@tacet/protocol';
import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { z } from 'zod';
import type { ApiProblem } from './problem.ts';
import { sessionQuery } from './queries.ts';
import { type Method, send } from './request.ts';

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** Whether whoever is logged in may do what that role may. What is not allowed is not offered. */
export function useMay(role: Role): boolean {
  const { data } = useQuery(sessionQuery);
  return data != null && ranks[data.account.role] >= ranks[role];
}

export function csrfOf(client: QueryClient): string | null {
  return client.getQueryData<LoginInfo | null>(sessionQuery.queryKey)?.csrfToken ?? null;
}

/** Somebody has come or gone: nothing stays of what another one was shown, or refused. */
export function changeSession(client: QueryClient, session: LoginInfo | null): void {
  // First of all: who observes a query that is removed hears nothing of the one that takes its place.
  client.setQueryData(sessionQuery.queryKey, session);
  const [kept] = sessionQuery.queryKey;
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== kept });
}

/** One thing that can be changed; `mutate` takes the path and the body. */
export interface Change {
  readonly method?: Method;
  readonly path: string;
  readonly body?: unknown;
}

/** @param schema of the answer; null for one that has no body. */
export function useChange<Schema extends z.ZodType>(
  schema: Schema | null,
  onDone?: (answer: z.infer<Schema> | undefined) => void | Promise<void>,
) {
  const client = useQueryClient();
  return useMutation<z.infer<Schema> | undefined, ApiProblem, Change>({
    mutationFn: ({ method = 'POST', path, body }) => send(schema, method, path, body, csrfOf(client)),
    onSuccess: (answer) => onDone?.(answer),
  });
}
