import { expect, it } from 'vitest';
import { differences, expectedPermissions } from './expected-permissions.ts';
import { wishFor } from './wish.ts';

const USER = 'tacet@pve';
const wish = wishFor({
  userId: USER,
  node: 'pve1',
  secrets: '/etc/tacet',
  guests: [101],
  storages: ['local'],
  restore: {
    targets: [201],
    storages: [],
    bridges: ['vmbr0'],
    inPlace: false,
    copyNetwork: false,
    drill: { pool: 'drills', bridge: 'vmbr0', storage: undefined },
  },
});
const [guest, operator] = wish.tokens;
const held = (holderId: string, path: string, role: string) =>
  ({ holderId, path, role, holder: 'token', propagate: true }) as const;
const expectedOf = (token = guest!, acl: Parameters<typeof expectedPermissions>[2] = []) =>
  expectedPermissions(USER, token, acl, [
    { vmid: 101, pool: 'others' },
    { vmid: 9000, pool: 'drills' },
    { vmid: 9001, pool: 'drills/deep' },
    { vmid: 9002, pool: 'drills-of-others' },
  ]);

const has = (byPath: Record<string, string[]>) =>
  Object.fromEntries(
    Object.entries(byPath).map(([path, all]) => [path, Object.fromEntries(all.map((one) => [one, true]))]),
  );
const SCRATCH = ['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'];
const SELF = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];

it('a token that has what was granted is as expected', () => {
  expect(differences(expectedOf(), has({ '/vms/101': SELF, '/storage/local': SELF }))).toEqual([]);
});

it('what is lacking, and what is there besides, is named', () => {
  const found = differences(expectedOf(), has({ '/vms/101': [...SELF, 'VM.Allocate'], '/': ['Sys.Audit'] }));
  expect(found).toEqual([
    'has VM.Allocate on /vms/101 besides',
    `lacks ${SELF.join(' ')} on /storage/local`,
    'has Sys.Audit on / besides',
  ]);
});

it('a storage of an earlier time is expected, another guest never', () => {
  const acl = [
    held(`${USER}!guest-101`, '/storage/old', 'TacetGuest'),
    held(`${USER}!guest-101`, '/vms/102', 'TacetGuest'),
    held(`${USER}!guest-102`, '/vms/102', 'TacetGuest'),
  ];
  expect([...expectedOf(guest, acl).keys()]).toEqual(['/vms/101', '/storage/local', '/storage/old']);
});

it('earlier copies are expected of the restore token, in our roles alone', () => {
  const acl = [
    held(`${USER}!restore`, '/vms/209', 'TacetRestoreTarget'),
    held(`${USER}!restore`, '/vms/210', 'PVEVMAdmin'),
  ];
  const expected = expectedOf(operator, acl);
  expect(expected.get('/vms/209')).toEqual(new Set(['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt']));
  expect(expected.has('/vms/210')).toBe(false);
});

it('a path that is listed because of others shows what comes from above, or from its pool and those above', () => {
  const bridge = '/sdn/zones/localnetwork/vmbr0';
  const restore = ['VM.Backup', 'Datastore.AllocateSpace', 'SDN.Use'];
  const actual = has({
    '/vms/101': restore,
    '/storage/local': restore,
    [bridge]: restore,
    [`${bridge}/5`]: restore,
    '/vms/201': ['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt'],
    '/pool/drills': SCRATCH,
    '/vms/9000': SCRATCH,
    '/vms/9001': SCRATCH,
  });
  expect(differences(expectedOf(operator), actual)).toEqual([]);
});
