import type { HookSettings } from '@tacet/protocol';
import { describeError } from '@tacet/runtime';
import type { LocalContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { askController } from '../hook/ask-controller.ts';
import { type HookPaths, inspect, install, uninstall } from '../hook/installation.ts';

export interface HookInstallOptions extends HookPaths {
  readonly socket?: string;
  /** `101,102`, `all`, or `none`. */
  readonly failClosed?: string;
  readonly patience?: number;
}

export async function installHook(options: HookInstallOptions, context: LocalContext): Promise<ExitCode> {
  const { socket, patience, failClosed } = options;
  const settings = await install(options, {
    ...(socket !== undefined && { socket }),
    ...(patience !== undefined && { patience }),
    ...(failClosed !== undefined && { closed: closedList(failClosed) }),
  });
  context.note(`vzdump runs ${options.script} from now on.`);
  return await report(options, settings, context);
}

export async function uninstallHook(options: HookPaths, context: LocalContext): Promise<ExitCode> {
  const wasInstalled = await uninstall(options);
  const { configured } = await inspect(options);
  if (context.json) context.print(JSON.stringify({ wasInstalled, configured }, null, 2));
  else context.print(`${wasInstalled ? 'Uninstalled' : 'It was not installed'}. ${hookLine(configured)}`);
  return exitCodes.ok;
}

/** Whether backups that Proxmox VE's own jobs make will be held. */
export async function showHook(options: HookPaths, context: LocalContext): Promise<ExitCode> {
  const { configured, isOurs, settings } = await inspect(options);
  if (isOurs && settings !== undefined) return await report(options, settings, context);
  if (context.json) context.print(JSON.stringify({ installed: false, configured }, null, 2));
  else context.print(`Not installed. ${hookLine(configured)}`);
  return exitCodes.below;
}

async function report(
  { script }: HookPaths,
  settings: HookSettings,
  { json, print, signal }: LocalContext,
): Promise<ExitCode> {
  const { socket, previous, closed, patience } = settings;
  const controller = await controllerOf(settings, signal);
  if (json) {
    print(JSON.stringify({ installed: true, script, ...settings, controller }, null, 2));
  } else {
    print(`Hook        ${script}, which waits up to ${patience} s for the controller`);
    if (previous !== '') print(`Runs also   ${previous}`);
    print(`Closed for  ${closed === '' ? 'no guest: a backup is made whether or not it is held' : closed}`);
    for (const line of controller.lines) print(`Controller  ${socket}: ${line}`);
  }
  return controller.isWell ? exitCodes.ok : exitCodes.below;
}

async function controllerOf(
  settings: HookSettings,
  signal: AbortSignal,
): Promise<{ lines: string[]; isWell: boolean }> {
  try {
    return await askController(settings, signal);
  } catch (error) {
    signal.throwIfAborted();
    // Not a failure of this command: it is what was asked.
    return { lines: [`does not answer: ${describeError(error)}`], isWell: false };
  }
}

function closedList(text: string): string {
  return text === 'none' ? '' : text.split(',').join(' ');
}

function hookLine(configured: string): string {
  return configured === '' ? 'vzdump runs no hook.' : `vzdump runs ${configured}.`;
}
