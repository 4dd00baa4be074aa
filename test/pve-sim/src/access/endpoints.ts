import type { Endpoint } from '../api/endpoint.ts';
import { aclEndpoints } from './acl-endpoints.ts';
import { loginEndpoints } from './login-endpoints.ts';
import { poolEndpoints } from './pool-endpoints.ts';
import { roleEndpoints } from './role-endpoints.ts';
import { userEndpoints } from './user-endpoints.ts';

export const accessEndpoints: readonly Endpoint[] = [
  ...loginEndpoints,
  ...aclEndpoints,
  ...userEndpoints,
  ...roleEndpoints,
  ...poolEndpoints,
];
