import { run } from '../host/run.ts';
import { dirname, join } from 'node:path';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { TemplateDefinition } from './definition.ts';

/** Units that a guest in the lab has no use for; each costs time at every boot. */
const needlessUnits = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'console-getty.service',
  'container-getty@.service',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty.target',
  'getty@.service',
  'kmod-static-nodes.service',
  'ldconfig.service',
  'modprobe@.service',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-firstboot.service',
  'systemd-journal-catalog-update.service',
  'systemd-journal-flush.service',
  'systemd-logind.service',
  'systemd-modules-load.service',
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-networkd-wait-online.service',
  'systemd-pstore.service',
  'systemd-random-seed.service',
  'systemd-sysusers.service',
  'systemd-udevd.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-udev-trigger.service',
  'systemd-update-done.service',
];

const needlessFiles = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bash-completion',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/cache/debconf',
  'var/log/apt',
  'var/log/dpkg.log',
  'var/log/bootstrap.log',
];

// Installing a server makes its data; a container's are made in its volume. Compiling queries needs a library of
// 130 MB and PostgreSQL does without it when it is not there. MariaDB's programs have all of its code in them.
const needlessForServices = [
  'etc/resolv.conf',
  '{etc,var/lib}/postgresql/17',
  'usr/lib/postgresql/17/lib/{llvmjit*,bitcode}',
  'usr/lib/*/{libLLVM*,libz3*}',
  'var/lib/mysql/*',
  'usr/bin/mariadb-{binlog,conv,import,plugin,show,slap,tzinfo-to-sql,waitpid}',
  'usr/bin/mariadbd-safe-helper',
  'usr/bin/{aria_{dump_log,ftdump,pack,read_log},myisam{_ftdump,log,pack}}',
  'usr/bin/{innochecksum,perror,replace,resolve_stack_dump}',
].join(' ');

export async function bootstrapGuest(
  definition: TemplateDefinition,
  directory: string,
  onDetail: (detail: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await debootstrap(definition, definition.guestPackages, directory, onDetail, signal);
  onDetail('configuring');
  await trim(directory);
  await run(['cp', '--recursive', '--preserve=mode', `${definition.filesDirectory}/guest/.`, directory]);
  await run(['chroot', directory, 'systemctl', 'mask', ...needlessUnits], { signal });
  await run(['chroot', directory, 'systemctl', 'set-default', 'multi-user.target'], { signal });
  // The lab's network leads nowhere, so there is nobody to ask for names.
  await rm(join(directory, 'etc/resolv.conf'), { force: true });
  await writeFile(join(directory, 'etc/resolv.conf'), '');
  await writeFile(join(directory, 'etc/fstab'), '');
}

/** The root filesystem that all images are made from. */
export async function bootstrapBase(
  definition: TemplateDefinition,
  directory: string,
  onDetail: (detail: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await debootstrap(definition, definition.basePackages, directory, onDetail, signal);
  onDetail('trimming');
  await trim(directory);
  await run(['bash', '-c', `cd "$1" && rm -rf ${needlessForServices}`, 'bash', directory]);
}

async function debootstrap(
  definition: TemplateDefinition,
  packages: readonly string[],
  directory: string,
  onDetail: (detail: string) => void,
  signal: AbortSignal,
): Promise<void> {
  // In namespaces of its own, and killed with this process: whatever ends it, no mount and no child of it
  // stays behind.
  const contained = 'setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc'.split(
    ' ',
  );
  // No power cut matters to what is begun anew then.
  const dpkgOptions = join(directory, 'etc/dpkg/dpkg.cfg.d/lab');
  await mkdir(dirname(dpkgOptions), { recursive: true });
  await writeFile(dpkgOptions, 'force-unsafe-io\n');
  const include = `--include=${packages.join(',')}`;
  const { suite, mirror } = definition;
  await run([...contained, 'debootstrap', '--variant=minbase', include, suite, directory, mirror], {
    signal,
    timeoutMs: 1_800_000,
    onLine: (line) => onDetail(line.replace(/^I: /, '')),
  });
  await rm(dpkgOptions);
}

async function trim(directory: string): Promise<void> {
  for (const path of needlessFiles) await rm(join(directory, path), { recursive: true, force: true });
}
