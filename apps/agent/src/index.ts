export { type Agent, type AgentOptions, journalDirOf, startAgent } from './agent.ts';
export { type AgentConfig, agentConfigSchema, parseConfig } from './config.ts';
export type { Engine, EngineContainer, ExecRequest, ExecResult, ExecSession } from './engine/engine.ts';
export type { Freezer, GuestHost } from './guest/guest.ts';
export { enrol } from './session/enroll.ts';
export { type Identity, IdentityStore } from './session/identity-store.ts';
export { agentVersion } from './version.ts';
