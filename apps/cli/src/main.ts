#!/usr/bin/env node
import { exitCodes } from './exit-codes.ts';
import { run } from './run.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));

// A reader that has had enough (`| head`) ends what is shown; a result that cannot be written is a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  interrupt.abort(error);
  if (error.code === 'EPIPE') return;
  process.stderr.write(`tacet: cannot write the result: ${error.message}\n`);
  process.once('exit', () => (process.exitCode = exitCodes.failed));
});
process.stderr.on('error', () => undefined); // there is nowhere left to say it

process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  signal: interrupt.signal,
  // Its size is read each time: a window may be pulled larger.
  ...(process.stdout.isTTY && { screen: process.stdout }),
});
