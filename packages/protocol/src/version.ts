/**
 * The name of this version of the wire contract. It is the WebSocket subprotocol of a session, and stands
 * in every persisted document that crosses a restore. A restore resurrects an old agent, so two versions
 * meeting each other is everyday: a version, once released, is frozen (see `frozen/`).
 */
export const protocolVersion = 'tacet.v1';

/** Versions this build can speak, preferred first. */
export const supportedProtocolVersions = [protocolVersion] as const;
