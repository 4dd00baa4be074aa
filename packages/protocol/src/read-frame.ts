import { z } from 'zod';
import { conditionTypeSchema } from './conditions.ts';
import { errorCodeSchema } from './error-codes.ts';
import { eventTypeSchema } from './events.ts';
import { type AgentFrame, agentFrameSchema, type ControllerFrame, controllerFrameSchema } from './session.ts';

/**
 * What has come over a session. `newer`: a frame that a later minor version has and this one does not know; it is left
 * out, and the session goes on.
 */
export type FrameRead<Frame> =
  | { kind: 'frame'; frame: Frame }
  | { kind: 'newer'; what: string }
  | { kind: 'invalid'; problem: string };

const agentKinds = new Set<string>(agentFrameSchema.options.map(({ shape }) => shape.kind.value));
const controllerKinds = new Set<string>(controllerFrameSchema.options.map(({ shape }) => shape.kind.value));

export function readAgentFrame(json: unknown): FrameRead<AgentFrame> {
  const event = newEvent.safeParse(json).data?.event.type;
  if (event !== undefined && !isOneOf(eventTypeSchema, event))
    return { kind: 'newer', what: `event ${event}` };
  return read(json, agentKinds, agentFrameSchema);
}

export function readControllerFrame(json: unknown): FrameRead<ControllerFrame> {
  return read(json, controllerKinds, controllerFrameSchema);
}

const addressed = z.object({ kind: z.string() });
const newEvent = z.object({ kind: z.literal('event'), event: z.object({ type: z.string() }) });

function read<Frame>(json: unknown, kinds: Set<string>, schema: z.ZodType<Frame>): FrameRead<Frame> {
  const kind = addressed.safeParse(json).data?.kind;
  if (kind !== undefined && !kinds.has(kind)) return { kind: 'newer', what: kind };
  const parsed = schema.safeParse(withoutNewer(json));
  if (parsed.success) return { kind: 'frame', frame: parsed.data };
  return { kind: 'invalid', problem: z.prettifyError(parsed.error) };
}

const withError = z.looseObject({ error: z.looseObject({ code: z.string() }) });
const withConditions = z.looseObject({
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string() })) }),
});

/** An error whose code is not known is `internal`; a condition that is not known is left out. */
function withoutNewer(json: unknown): unknown {
  const failed = withError.safeParse(json).data;
  if (failed !== undefined && !isOneOf(errorCodeSchema, failed.error.code)) {
    return { ...failed, error: { ...failed.error, code: 'internal' } };
  }
  const told = withConditions.safeParse(json).data;
  if (told === undefined) return json;
  const conditions = told.status.conditions.filter(({ type }) => isOneOf(conditionTypeSchema, type));
  return { ...told, status: { ...told.status, conditions } };
}

function isOneOf(schema: z.ZodEnum, value: string): boolean {
  return schema.safeParse(value).success;
}
