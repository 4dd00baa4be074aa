export {
  type ConnectFailure,
  type Trusted,
  unverifiedCode,
  verifiedConnector,
} from './verified-connector.ts';
