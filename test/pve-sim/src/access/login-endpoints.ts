import { type Call, data, type Endpoint, type Reply } from '../api/endpoint.ts';
import { PveError } from '../api/errors.ts';
import { BOOLEAN, required, STRING } from '../api/schema.ts';
import { capabilities } from './capabilities.ts';

/** A login that fails is a 401 with a body, unlike a request without a valid login; both are held back. */
function login({ world, parameters }: Call): Reply {
  const username = parameters['username'] ?? '';
  const userid = parameters['realm'] === undefined ? username : `${username}@${parameters['realm']}`;
  if (!world.accounts.login(userid, parameters['password'] ?? '', Math.floor(Date.now() / 1000))) {
    throw new PveError(401, 'authentication failure');
  }
  const { ticket, csrfToken } = world.authenticator.issueTicket(userid);
  return data({
    username: userid,
    ticket,
    CSRFPreventionToken: csrfToken,
    cap: capabilities(world.access.granted(userid, '/')),
  });
}

const DOMAINS = [
  { realm: 'pam', type: 'pam', comment: 'Linux PAM standard authentication' },
  { realm: 'pve', type: 'pve', comment: 'Proxmox VE authentication server' },
];

export const loginEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/access/ticket',
    parameters: {
      username: required(STRING),
      password: required(STRING),
      realm: STRING,
      'new-format': BOOLEAN,
    },
    public: true,
    protected: true,
    handle: login,
  },
  { method: 'GET', path: '/access/domains', public: true, handle: () => data(DOMAINS) },
];
