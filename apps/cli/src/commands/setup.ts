import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { LocalContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

export interface SetupOptions {
  readonly config: string;
  /** As guests and browsers reach this machine. */
  readonly address?: string;
  readonly port: number;
  /** The node that this machine is: its vzdump hook is listened to then. */
  readonly node?: string;
}

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;
const proxmoxDirectory = '/etc/pve';

/**
 * Writes the controller's first configuration, and says how to go on.
 * @throws CliError where there is one already, or no address is known.
 */
export async function setUp(options: SetupOptions, { print }: LocalContext): Promise<ExitCode> {
  const { config, port } = options;
  const address = options.address ?? firstAddress(networkInterfaces());
  if (address === undefined) {
    throw new CliError('this machine has no address that guests could reach', exitCodes.usage, {
      code: 'invalid-input',
      hint: 'Name one: --address 192.0.2.10',
    });
  }
  if (isIP(address) === 0 && !hostName.test(address)) {
    throw new CliError(`not an address: ${address}`, exitCodes.usage, {
      code: 'invalid-input',
      hint: 'An IP address or a name, as --address 192.0.2.10',
    });
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new CliError('not a port', exitCodes.usage, {
      code: 'invalid-input',
      hint: 'A number from 1 to 65535, as --port 8443',
    });
  }
  const node = options.node ?? ((await exists(proxmoxDirectory)) ? hostname() : undefined);
  const agentUrl = `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
  const content = {
    listen: { address: address.includes(':') ? '::' : '0.0.0.0', port },
    agentUrl,
    stateDir: '/var/lib/tacet-controller',
    keyFile: '/etc/tacet/controller.key',
    ...(node !== undefined && { hook: { socket: '/run/tacet/hook.sock', node } }),
    nodes: [],
  };
  await writeNew(config, `${JSON.stringify(content, null, 2)}\n`);
  print(`${config} is written: the controller will be at ${agentUrl}.`);
  print('');
  print('Next:');
  print('  systemctl start tacet-controller');
  print('  journalctl -u tacet-controller -o cat | grep setup    # the link for the first account');
  print('  tacet pve provision --help                            # the tokens, and the entry for "nodes"');
  if (node !== undefined)
    print('  tacet hook install                                    # for backups that Proxmox VE starts');
  return exitCodes.ok;
}

/** The first that is neither the machine's own nor of the link alone; IPv4 before IPv6. */
export function firstAddress(
  interfaces: Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>,
): string | undefined {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}

/** Readable by whom its directory belongs to: the controller, where the package has made it. */
async function writeNew(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o640);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw new CliError(`${path} is there already`, exitCodes.failed, {
      code: 'conflict',
      hint: 'It is left as it is. Change it with an editor, or move it away.',
    });
  }
  await using opened = file;
  await opened.writeFile(text);
  const { uid, gid } = await stat(directory);
  // Of what was opened, not of the name: the directory is another user's, who could put something else there.
  if (process.getuid?.() === 0) await opened.chown(uid, gid);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    // Not there, or not to be seen: no node of Proxmox VE.
    return false;
  }
}
