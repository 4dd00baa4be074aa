import type { WaitingBecause } from '@tacet/core';

/** Why a run waits, beyond what the core says. */
export type Waiting = WaitingBecause | 'agent-away';
