// Whether this container's controller is ready, by its exit code. It pins the certificate as `tacet` does: by the access
// file that the controller has written.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { stdout } from 'node:process';

const patienceMs = 4_000;
const file = process.argv[2] ?? '/var/lib/tacet-controller/cli.json';
const { url, fingerprint } = JSON.parse(readFileSync(file, 'utf8'));

const asked = request(new URL('/readyz', url), {
  rejectUnauthorized: false,
  timeout: patienceMs,
  agent: false,
});
asked.on('timeout', () => asked.destroy(new Error('no answer')));
asked.on('error', (error) => end(1, error.message));
asked.on('response', (response) => {
  const isOurs = response.socket.getPeerX509Certificate()?.fingerprint256 === fingerprint;
  if (isOurs) end(response.statusCode === 200 ? 0 : 1, `/readyz answers ${response.statusCode}`);
  else end(1, 'who answers is not the controller of this container');
});
asked.end();

function end(exitCode, message) {
  stdout.write(`${message}\n`);
  process.exitCode = exitCode;
  asked.destroy();
}
