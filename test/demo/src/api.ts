import { HttpControllerApi, readControllerFile } from '@tacet/cli';
import {
  enrolmentSchema,
  eventListSchema,
  type Guest,
  guestListSchema,
  type Operation,
  operationSchema,
  type StoredEvent,
} from '@tacet/protocol';
import type { z } from 'zod';

/** The controller's HTTP API, as far as stories and tests need it. */
export interface Api extends AsyncDisposable {
  readonly url: string;
  guests(signal: AbortSignal): Promise<Guest[]>;
  enrol(vmid: number, signal: AbortSignal): Promise<z.infer<typeof enrolmentSchema>>;
  startBackup(vmid: number, signal: AbortSignal): Promise<Operation>;
  startRestore(vmid: number, to: number, signal: AbortSignal): Promise<Operation>;
  operation(id: string, signal: AbortSignal): Promise<Operation>;
  /** All that came after that sequence number. */
  events(after: number, signal: AbortSignal): Promise<StoredEvent[]>;
}

/** The way the command line goes. @param controllerFile what `tacet --controller FILE` reads */
export async function openApi(controllerFile: string): Promise<Api> {
  const access = await readControllerFile(controllerFile);
  const http = new HttpControllerApi(access);
  return {
    url: access.url,
    guests: async (signal) => (await http.get(guestListSchema, '/guests', signal)).guests,
    enrol: (vmid, signal) => http.post(enrolmentSchema, `/guests/${vmid}/enrolments`, {}, signal),
    startBackup: (vmid, signal) => http.post(operationSchema, `/guests/${vmid}/backups`, {}, signal),
    startRestore: (vmid, to, signal) =>
      http.post(operationSchema, `/guests/${vmid}/restores`, { to }, signal),
    operation: (id, signal) => http.get(operationSchema, `/operations/${id}`, signal),
    events: async (after, signal) => {
      const events: StoredEvent[] = [];
      for (let from = after; ;) {
        const page = await http.get(eventListSchema, `/events?after=${from}&limit=500`, signal);
        events.push(...page.events);
        if (page.events.length === 0) return events;
        from = page.next;
      }
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}
