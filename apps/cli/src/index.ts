export { HttpControllerApi } from './controller-api.ts';
export { readControllerFile } from './controller-file.ts';
export { exitCodes, type ExitCode } from './exit-codes.ts';
export { commandTable } from './command-table.ts';
export { run, type RunOptions } from './run.ts';
