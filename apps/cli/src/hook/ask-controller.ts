import { once } from 'node:events';
import { connect } from 'node:net';
import type { HookSettings } from '@tacet/protocol';
import { runWithin } from '@tacet/runtime';

const DEADLINE_MS = 5_000;

/** What the controller says to a hook with these settings. @throws where nobody answers at the socket. */
export async function askController(
  { socket: path, patience }: HookSettings,
  signal: AbortSignal,
): Promise<{ lines: string[]; isWell: boolean }> {
  return await runWithin(signal, DEADLINE_MS, `the answer of the controller at ${path}`, async (within) => {
    const socket = connect(path);
    const onAbort = (): void => void socket.destroy();
    within.addEventListener('abort', onAbort, { once: true });
    try {
      await once(socket, 'connect');
      socket.write(`tacet-hook 1\ncall=status\npatience=${patience}\n\n`);
      let heard = '';
      for await (const chunk of socket) {
        heard += String(chunk);
        if (/^(ok|trouble)$/m.test(heard)) break;
      }
      const lines = heard.split('\n').flatMap((line) => (line.startsWith('say ') ? [line.slice(4)] : []));
      return { lines, isWell: /^ok$/m.test(heard) };
    } finally {
      within.removeEventListener('abort', onAbort);
      socket.destroy();
    }
  });
}
