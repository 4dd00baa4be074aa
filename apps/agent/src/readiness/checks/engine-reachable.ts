import type { Check } from '../picture.ts';

export const engineReachable: Check = ({ engine }) =>
  engine.kind === 'reachable'
    ? {
        type: 'EngineReachable',
        status: 'True',
        reason: 'EngineAnswers',
        message: `engine ${engine.version} answers`,
      }
    : { type: 'EngineReachable', status: 'False', reason: 'EngineUnreachable', message: engine.because };
