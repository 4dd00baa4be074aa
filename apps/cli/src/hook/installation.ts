import { constants } from 'node:fs';
import { access, chmod, chown, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { type HookSettings, hookSettingsSchema, readHookSettings } from '@tacet/protocol';
import { configuredScript, withScript } from '@tacet/proxmox';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';
import { renderHookScript } from './hook-script.ts';

/** Where things are on a node. */
export interface HookPaths {
  /** vzdump's configuration. */
  readonly vzdumpConf: string;
  /** Tacet's hook script. */
  readonly script: string;
  /** What every vzdump on the node locks while it works. */
  readonly vzdumpLock: string;
}

export interface Installation {
  /** The hook that vzdump runs; empty where there is none. */
  readonly configured: string;
  readonly isOurs: boolean;
  /** Of our script, where it lies. */
  readonly settings: HookSettings | undefined;
}

const defaults: HookSettings = { socket: '/run/tacet/hook.sock', previous: '', closed: '', patience: 20 };

/** @throws CliError for files that cannot be read. */
export async function inspect(paths: HookPaths): Promise<Installation> {
  const conf = await readConf(paths.vzdumpConf);
  const configured = configuredScript(conf) ?? '';
  const script = await readIfThere(paths.script);
  const settings = script === undefined ? undefined : readHookSettings(script);
  return { configured, isOurs: configured === paths.script, settings };
}

/**
 * Writes the script, then has vzdump run it; the hook that vzdump ran before is run by the script. What is not
 * wanted otherwise stays as it is, so that doing it again changes nothing.
 *
 * @throws CliError where something is in the way; nothing is changed then.
 */
export async function install(
  paths: HookPaths,
  wanted: Partial<Omit<HookSettings, 'previous'>>,
): Promise<HookSettings> {
  const { configured, isOurs, settings: existing } = await inspect(paths);
  const previous = isOurs ? (existing?.previous ?? '') : configured;
  await requirePath(paths.script, existing);
  if (previous !== '') await requireRunnable(previous);
  const kept = isOurs ? existing : undefined;
  const settings = parseSettings({ ...defaults, ...kept, ...wanted, previous });
  // First the script: a vzdump whose hook is missing fails.
  await replaceFile(paths.script, await renderHookScript(settings), 0o755);
  await editConf(paths.vzdumpConf, (conf) => withScript(conf, paths.script));
  return settings;
}

/**
 * Has vzdump run the hook that it ran before, and removes the script.
 *
 * @returns false where it was not installed.
 * @throws CliError where another hook has taken its place, or a vzdump runs.
 */
export async function uninstall(paths: HookPaths): Promise<boolean> {
  const { configured, isOurs, settings } = await inspect(paths);
  if (!isOurs && configured !== '' && settings !== undefined) {
    throw refusal(`${paths.vzdumpConf} names another hook now: ${configured}`, {
      hint: `It may run ${paths.script}, so that is left alone. If it does not, remove that file.`,
    });
  }
  if (!isOurs && settings === undefined) return false;
  if (settings === undefined) {
    throw refusal(`${paths.script} is missing or was changed: what vzdump ran before is not known`, {
      hint: `Change the \`script:\` line in ${paths.vzdumpConf} by hand.`,
    });
  }
  if (await isLocked(paths.vzdumpLock)) {
    throw refusal('a vzdump is running, and would miss its hook', { hint: 'Try again when it has ended.' });
  }
  if (isOurs) {
    const { previous } = settings;
    await editConf(paths.vzdumpConf, (conf) => withScript(conf, previous === '' ? undefined : previous));
  }
  await rm(paths.script, { force: true });
  return true;
}

function parseSettings(settings: HookSettings): HookSettings {
  const parsed = hookSettingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  throw new CliError('the hook cannot be set like that', exitCodes.usage, {
    code: 'invalid-input',
    cause: new Error(z.prettifyError(parsed.error)),
  });
}

async function requirePath(script: string, existing: HookSettings | undefined): Promise<void> {
  if (!isAbsolute(script)) {
    throw refusal(`vzdump needs the whole path of its hook, not ${script}`, { hint: 'It begins with /.' });
  }
  if (existing !== undefined || (await readIfThere(script)) === undefined) return;
  throw refusal(`${script} is there already, and is not Tacet's hook`, {
    hint: 'Move it away, or name another place: --script FILE',
  });
}

/** What vzdump could not run before, it shall not be made to run in another way. */
async function requireRunnable(previous: string): Promise<void> {
  const text = await readIfThere(previous);
  if (text === undefined) {
    throw refusal(`the hook that is configured, ${previous}, does not exist: vzdump fails as it is`, {
      hint: 'Bring it back, or take its `script:` line out.',
    });
  }
  if (readHookSettings(text) !== undefined) {
    throw refusal(`Tacet's hook is installed as ${previous}`, {
      hint: `First: tacet hook uninstall --script ${previous}`,
    });
  }
  try {
    await access(previous, constants.X_OK);
  } catch (cause) {
    throw refusal(`the hook that is configured, ${previous}, is not executable: vzdump fails as it is`, {
      hint: `chmod +x ${previous}`,
      cause,
    });
  }
}

async function readConf(path: string): Promise<string> {
  const text = await readIfThere(path);
  if (text !== undefined) return text;
  throw refusal(`there is no ${path}`, {
    hint: 'This is for a Proxmox VE node, which has that file. Run it there, as root.',
  });
}

async function editConf(path: string, edit: (conf: string) => string): Promise<void> {
  const before = await readConf(path);
  const after = edit(before);
  if (after === before) return;
  const target = await realpath(path);
  const { mode, uid, gid } = await stat(target);
  await replaceFile(target, after, mode & 0o7777, { uid, gid });
}

/** As a whole: vzdump may read it at any time. */
async function replaceFile(
  path: string,
  text: string,
  mode: number,
  owner?: { uid: number; gid: number },
): Promise<void> {
  const temporary = `${path}.tacet-new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    {
      await using file = await open(temporary, 'w', mode);
      await file.writeFile(text);
      await file.sync();
    }
    await chmod(temporary, mode);
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw refusal(`cannot write ${path}`, { hint: 'Run it as root, on the node.', cause });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw refusal(`cannot read ${path}`, { hint: 'Run it as root, on the node.', cause });
  }
}

/** By anybody, or waited for: the kernel's list ends each line with `MAJOR:MINOR:INODE START END`. */
async function isLocked(path: string): Promise<boolean> {
  try {
    const { ino } = await stat(path);
    const locks = await readFile('/proc/locks', 'utf8');
    return locks.split('\n').some((line) => line.includes(`:${ino} `));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

function refusal(message: string, options: { hint: string; cause?: unknown }): CliError {
  return new CliError(message, exitCodes.failed, { code: 'refused', ...options });
}
