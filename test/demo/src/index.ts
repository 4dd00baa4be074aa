export { type Api, openApi } from './api.ts';
export { enrolAgent, installAgent } from './lab/agent-installation.ts';
export { ControllerProcess } from './lab/controller-process.ts';
export { type LabStage, type LabStageOptions, openLabStage } from './lab/lab-stage.ts';
export { VzdumpHook } from './lab/vzdump-hook.ts';
export { openSimulatedStage } from './simulated/simulated-stage.ts';
export type { Stage, WriteLog } from './stage.ts';
export { tell } from './story.ts';
