import { z } from 'zod';
import { conditionSchema } from './conditions.ts';
import { wireErrorSchema } from './error-codes.ts';
import { eventSchema } from './events.ts';
import { guestFactsSchema } from './guest-facts.ts';
import { incarnationSchema } from './incarnation.ts';
import { durationMsSchema, epochMsSchema, vmidSchema } from './primitives.ts';
import { quiesceStateSchema } from './quiesce.ts';
import { requestMethodSchema } from './requests.ts';

const requestIdSchema = z.number().int().positive();
const sequenceSchema = z.number().int().nonnegative();

/** What an agent knows of one container, for people to look at. */
export const serviceStatusSchema = z.object({
  stack: z.string(),
  service: z.string(),
  image: z.string(),
  state: z.string(),
  health: z.string(),
  restartPolicy: z.string(),
});
export type ServiceStatus = z.infer<typeof serviceStatusSchema>;

/** The whole of a guest's picture: sent after every change, so the newest one is always enough. */
export const statusSchema = z.object({
  quiesceState: quiesceStateSchema,
  generation: z.number().int().nonnegative(),
  conditions: z.array(conditionSchema),
  services: z.array(serviceStatusSchema),
  /** Left out until the agent has seen them: its engine may be away. */
  facts: guestFactsSchema.optional(),
});
export type GuestStatus = z.infer<typeof statusSchema>;

/** Frames from the agent. */
export const agentFrameSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hello'),
    agentVersion: z.string(),
    credential: z.string(),
    bootId: z.string(),
    incarnation: incarnationSchema,
    status: statusSchema,
  }),
  z.object({ kind: z.literal('heartbeat'), sequence: sequenceSchema }),
  z.object({ kind: z.literal('status'), sequence: sequenceSchema, status: statusSchema }),
  z.object({ kind: z.literal('event'), sequence: sequenceSchema, event: eventSchema }),
  z.object({ kind: z.literal('result'), id: requestIdSchema, result: z.unknown() }),
  z.object({ kind: z.literal('error'), id: requestIdSchema, error: wireErrorSchema }),
]);
export type AgentFrame = z.infer<typeof agentFrameSchema>;

/** Frames from the controller. */
export const controllerFrameSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('welcome'),
    /** Opaque, of this connection only. It never touches the disk, so a copied disk cannot resume it. */
    sessionId: z.string(),
    identity: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('guest'), vmid: vmidSchema }),
      /** An ordered restore: from now on this copy is its own guest, with its own credential. */
      z.object({
        kind: z.literal('adopted'),
        vmid: vmidSchema,
        credential: z.string(),
        /** What it shall make anew, so as not to share it with its original. Words of a newer controller are let in. */
        regenerate: z.array(z.string()).optional(),
      }),
      /** A copy nobody ordered: it may speak of itself, and for nobody else. */
      z.object({ kind: z.literal('quarantined'), reason: z.string() }),
    ]),
    heartbeatMs: durationMsSchema,
    /** Without a frame for this long the controller takes the session for dead. Longer than any freeze. */
    ttlMs: durationMsSchema,
    serverTime: epochMsSchema,
  }),
  z.object({ kind: z.literal('heartbeat-ack'), sequence: sequenceSchema, ttlMs: durationMsSchema }),
  z.object({
    kind: z.literal('request'),
    id: requestIdSchema,
    method: requestMethodSchema,
    params: z.unknown(),
  }),
  z.object({ kind: z.literal('refused'), error: wireErrorSchema }),
]);
export type ControllerFrame = z.infer<typeof controllerFrameSchema>;
