/** Simulated guests: what stands in for Docker and the kernel in tests and in the simulator. */
export { type EngineCapture, MemoryEngine } from './engine/memory-engine.ts';
export type { MemoryContainer, MemoryContainerSpec, Persistence } from './engine/memory-container.ts';
export type { MemoryCall, MemoryFault } from './engine/memory-faults.ts';
export { MemoryGuestHost } from './guest/memory-guest-host.ts';
