import type { EngineFacts } from '@tacet/core';
import type { ServiceMarker } from '@tacet/protocol';
import type { EngineMethod, Flush, MethodTarget } from '../methods/method.ts';

/** A container that was prepared, and what came of it. */
export interface PreparedService {
  target: MethodTarget;
  /** Undefined for one that is only held by a generic hold. */
  method: EngineMethod | undefined;
  facts: NonNullable<ReturnType<EngineFacts['get']>>;
  flush: Flush | undefined;
  /** Where its data stood when it was prepared. */
  marker?: ServiceMarker;
  prepareMs: number;
}

export const nothingKnown: PreparedService['facts'] = { engine: null, predictedHoldMs: null, notes: [] };
