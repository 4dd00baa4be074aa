import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { releaseFolder } from './releases.ts';

/** One frame of a session, in the order in which the agent saw them. */
const recordedFrameSchema = z.object({
  from: z.enum(['agent', 'controller']),
  frame: z.looseObject({ kind: z.string() }),
});
export type RecordedFrame = z.infer<typeof recordedFrameSchema>;

const requestSchema = z.object({
  kind: z.literal('request'),
  id: z.number(),
  method: z.string(),
  params: z.looseObject({}),
});
export type RecordedRequest = z.infer<typeof requestSchema>;

/** The sessions of a release, by the name of their file. */
export async function recordedSessions(version: string): Promise<Map<string, RecordedFrame[]>> {
  const folder = join(releaseFolder(version), 'sessions');
  const sessions = new Map<string, RecordedFrame[]>();
  for (const name of await readdir(folder)) {
    const lines = (await readFile(join(folder, name), 'utf8')).trim().split('\n');
    const frames = lines.map((line) => recordedFrameSchema.parse(JSON.parse(line)));
    sessions.set(name.replace('.jsonl', ''), frames);
  }
  return sessions;
}

export const framesFrom = (from: RecordedFrame['from'], session: readonly RecordedFrame[]) =>
  session.filter((one) => one.from === from).map(({ frame }) => frame);

/** What a controller has asked in a session, with what the agent has answered. */
export function exchanges(session: readonly RecordedFrame[]) {
  const answers = framesFrom('agent', session);
  return framesFrom('controller', session)
    .map((frame) => requestSchema.safeParse(frame).data)
    .filter((request) => request !== undefined)
    .map((request) => ({
      request,
      answer: answers.find(({ kind, id }) => id === request.id && (kind === 'result' || kind === 'error')),
    }));
}

interface Tap extends Disposable {
  /** One for each connection, in the order of their first frames. */
  readonly sessions: RecordedFrame[][];
}

/** Writes down every frame that an agent of this process says or hears. For recording alone. */
export function tapSessions(onFrame: (session: RecordedFrame[]) => void): Tap {
  const sessions = new Map<WebSocket, RecordedFrame[]>();
  const note = (socket: WebSocket, from: RecordedFrame['from'], data: unknown): void => {
    // The server's end of a connection has no URL.
    if (!socket.url) return;
    const frames = sessions.get(socket) ?? [];
    sessions.set(socket, frames);
    frames.push(recordedFrameSchema.parse({ from, frame: JSON.parse(String(data)) }));
    onFrame(frames);
  };
  const { prototype } = WebSocket;
  // The class's own, to be called with its own `this`.
  const own = { send: prototype['send'], emit: prototype['emit'] };
  prototype.send = function (this: WebSocket, ...parameters: unknown[]) {
    note(this, 'agent', parameters[0]);
    Reflect.apply(own.send, this, parameters);
  };
  prototype.emit = function (this: WebSocket, ...parameters: unknown[]): boolean {
    if (parameters[0] === 'message') note(this, 'controller', parameters[1]);
    return Boolean(Reflect.apply(own.emit, this, parameters));
  };
  return {
    get sessions() {
      return [...sessions.values()];
    },
    [Symbol.dispose]: () => Object.assign(prototype, own),
  };
}
