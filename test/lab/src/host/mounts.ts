import { readFile } from 'node:fs/promises';
import { run } from './run.ts';

/** Mount points of a namespace, the deepest last; `/proc/self/mountinfo` when no process is named. */
export async function mountsOf(pid: number | 'self'): Promise<{ mountPoint: string; type: string }[]> {
  return parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** Shape of a line: `36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda rw`, see proc(5). */
export function parseMountinfo(text: string): { mountPoint: string; type: string }[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(' ');
      const type = fields[fields.indexOf('-', 6) + 1] ?? '';
      return { mountPoint: unescape(fields[4] ?? ''), type };
    });
}

export async function isMounted(directory: string): Promise<boolean> {
  return (await mountsOf('self')).some(({ mountPoint }) => mountPoint === directory);
}

/** Loop devices that a file backs; none when the file is gone or was never attached. */
export async function loopDevicesOf(file: string): Promise<string[]> {
  const { stdout } = await run(['losetup', '--json', '--list', '--output', 'NAME,BACK-FILE']);
  if (stdout.trim() === '') return [];
  const { loopdevices } = JSON.parse(stdout) as {
    loopdevices: { name: string; 'back-file': string | null }[];
  };
  return loopdevices
    .filter((device) => device['back-file'] === file || device['back-file'] === `${file} (deleted)`)
    .map(({ name }) => name);
}

function unescape(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
