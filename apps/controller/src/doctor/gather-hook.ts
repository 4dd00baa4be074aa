import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { readHookSettings } from '@tacet/protocol';
import { configuredScript } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { ControllerConfig } from '../config.ts';
import type { Ask } from './attempt.ts';
import type { HookFacts } from './facts.ts';

/** What `tacet hook status` reads, where the controller runs on that node and may read it. */
export async function gatherHook(node: string, hook: ControllerConfig['hook'], ask: Ask): Promise<HookFacts> {
  if (hook?.node !== node) return { kind: 'elsewhere' };
  const { vzdumpConf, socket } = hook;
  const conf = await ask((signal) => readFile(vzdumpConf, { encoding: 'utf8', signal }));
  if (!conf.ok)
    return { kind: 'unreadable', because: `${vzdumpConf} cannot be read: ${describeError(conf.error)}` };
  const configured = configuredScript(conf.value) ?? '';
  const runnable = await ask(() => access(configured, constants.X_OK));
  const text = await ask((signal) => readFile(configured, { encoding: 'utf8', signal }));
  const settings = text.ok ? readHookSettings(text.value) : undefined;
  return { kind: 'seen', configured, runnable, settings, vzdumpConf, socket };
}
