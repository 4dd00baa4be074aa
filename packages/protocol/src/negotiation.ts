import { supportedProtocolVersions } from './version.ts';

/** Where a controller that refuses a session says which versions it speaks, as the agent's offer does. */
export const protocolsHeader = 'tacet-protocols';

const ours: readonly string[] = supportedProtocolVersions;

/** `tacet.v1, tacet.v2`, as a header carries it. */
export function readProtocols(header: string | undefined): string[] {
  return (header ?? '').split(',').flatMap((name) => name.trim() || []);
}

/** The version that both speak, preferred by this side; undefined where there is none. */
export function agreeOn(offered: readonly string[], supported = ours): string | undefined {
  return supported.find((version) => offered.includes(version));
}

/** Why two sides cannot talk, and which of them has to be upgraded. */
export function protocolMismatch(speaks: { controller?: readonly string[]; agent?: readonly string[] }): {
  message: string;
  hint: string;
} {
  const { controller = ours, agent = ours } = speaks;
  const older = newestOf(controller) < newestOf(agent) ? 'controller' : 'agent';
  return {
    message: `the controller speaks ${listed(controller)}, the agent ${listed(agent)}`,
    hint: `Upgrade the ${older}.`,
  };
}

function listed(versions: readonly string[]): string {
  return versions.length === 0 ? 'no version that it names' : versions.join(' and ');
}

/** 0 where none is of this family. */
function newestOf(versions: readonly string[]): number {
  return Math.max(0, ...versions.map((version) => Number(/^tacet\.v(\d+)$/.exec(version)?.[1] ?? 0)));
}
