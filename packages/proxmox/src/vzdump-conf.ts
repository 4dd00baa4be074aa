/**
 * Edits `/etc/vzdump.conf` line by line, so that comments, order and other keys stay. Proxmox VE reads
 * `key: value` lines there, skips those that begin with `#`, and lets the last of several win.
 */
export function configuredScript(conf: string): string | undefined {
  const at = lastScriptLine(conf.split('\n'));
  return at?.value;
}

/** @param script undefined takes the line out. */
export function withScript(conf: string, script: string | undefined): string {
  const lines = conf.split('\n');
  const last = lastScriptLine(lines);
  if (script === undefined) return lines.filter((_, index) => index !== last?.index).join('\n');
  const line = `script: ${script}`;
  if (last !== undefined) return lines.with(last.index, line).join('\n');
  const text = conf === '' || conf.endsWith('\n') ? conf : `${conf}\n`;
  return `${text}${line}\n`;
}

function lastScriptLine(lines: readonly string[]): { index: number; value: string } | undefined {
  const index = lines.findLastIndex((line) => scriptLine.test(line));
  const value = scriptLine.exec(lines[index] ?? '')?.[1];
  return value === undefined ? undefined : { index, value };
}

const scriptLine = /^\s*script:\s*(.*?)\s*$/;
