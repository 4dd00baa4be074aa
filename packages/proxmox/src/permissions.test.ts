import { describe, expect, it } from 'vitest';
import { holdsPrivilege, permissionsSchema } from './permissions.ts';

const permissions = permissionsSchema.parse({
  '/vms': { 'VM.Audit': 1, 'VM.Backup': 0 },
  '/vms/201': { 'VM.Snapshot': 0 },
  '/storage/local': { 'Datastore.Audit': '1' },
});

describe('a privilege', () => {
  it('is held where it is listed, with 0 too: that one came through a pool', () => {
    expect(holdsPrivilege(permissions, '/vms/201', 'VM.Snapshot')).toBe(true);
    expect(holdsPrivilege(permissions, '/storage/local', 'Datastore.Audit')).toBe(true);
  });

  it('comes from above only where it propagates', () => {
    expect(holdsPrivilege(permissions, '/vms/305', 'VM.Audit')).toBe(true);
    expect(holdsPrivilege(permissions, '/vms/305', 'VM.Backup')).toBe(false);
  });

  it('is not inherited past a path that has its own', () => {
    expect(holdsPrivilege(permissions, '/vms/201', 'VM.Audit')).toBe(false);
  });

  it('is not held where nothing is granted', () => {
    expect(holdsPrivilege(permissions, '/storage/other', 'Datastore.Audit')).toBe(false);
    expect(holdsPrivilege({}, '/vms/201', 'VM.Audit')).toBe(false);
    expect(holdsPrivilege(permissionsSchema.parse({ '/': { 'Sys.Audit': 1 } }), '/vms/9', 'Sys.Audit')).toBe(
      true,
    );
  });
});
