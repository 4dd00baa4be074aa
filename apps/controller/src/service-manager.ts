import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from '@tacet/runtime';

const run = promisify(execFile);
const tellMs = 10_000;

/**
 * Under systemd (`Type=notify`): whoever has started the service may count on it from here on. By systemd-notify(1), as
 * Node has no datagram sockets of the unix kind.
 */
export async function tellServiceManager(log: Logger): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  try {
    await run('systemd-notify', ['--ready'], { timeout: tellMs });
  } catch (error) {
    // systemd will give up waiting and say so.
    log.error('systemd could not be told that the controller is ready', { error });
  }
}
