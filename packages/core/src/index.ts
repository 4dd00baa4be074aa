export * from './conditions.ts';
export * from './dependency-order.ts';
export * from './heal-planner.ts';
export * from './lease.ts';
export * from './quiesce-machine.ts';
export * from './quiesce-planner.ts';
export * from './verdict.ts';
