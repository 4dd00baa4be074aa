import type { Granted } from './access-control.ts';

/** Which privileges each part of the GUI looks at, as a login's `cap` groups them. */
const SECTIONS: Readonly<Record<string, readonly RegExp[]>> = {
  nodes: [/^Sys\./, /^Permissions\.Modify$/],
  dc: [/^Sys\.(Audit|Modify)$/, /^SDN\./],
  vms: [/^VM\./, /^Permissions\.Modify$/],
  sdn: [/^SDN\./, /^Permissions\.Modify$/],
  mapping: [/^Mapping\./, /^Permissions\.Modify$/],
  access: [/^Group\.Allocate$/, /^User\.Modify$/, /^Permissions\.Modify$/],
  storage: [/^Datastore\./, /^Permissions\.Modify$/],
};

export function capabilities(granted: Granted): Record<string, Record<string, number>> {
  const section = (patterns: readonly RegExp[]): Record<string, number> =>
    Object.fromEntries(
      [...granted].filter(([privilege]) => patterns.some((pattern) => pattern.test(privilege))),
    );
  return Object.fromEntries(Object.entries(SECTIONS).map(([name, patterns]) => [name, section(patterns)]));
}
