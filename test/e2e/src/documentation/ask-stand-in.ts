import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Answered } from './stand-ins.ts';

// What a stand-in's program runs: SOCKET NAME WORD…
const [socketPath, ...words] = process.argv.slice(2);
const { promise, resolve, reject } = Promise.withResolvers<string>();
const call = request({ socketPath, method: 'POST' }, (response) => resolve(text(response)));
call.on('error', reject);
call.end(JSON.stringify(words));
const { code, out, err } = JSON.parse(await promise) as Answered;
process.stdout.write(out);
process.stderr.write(err);
process.exitCode = code;
