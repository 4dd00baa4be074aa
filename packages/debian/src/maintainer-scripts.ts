import type { Deb } from './deb.ts';

export interface ServicePackage {
  readonly name: string;
  readonly version: string;
  readonly unit: string;
  /** A unit that the service wants beside it: ended with it when the package goes. */
  readonly helper?: string;
  /** What has to be there before the service starts; run at every configuration. */
  readonly prepare?: string;
  /** What a purge removes beside the configuration files: what the service itself has made. */
  readonly purge: string;
}

/**
 * As debhelper's dh_installsystemd writes them: enabled and started when it is new, restarted when it was there,
 * stopped before it is removed, and forgotten when it is purged. An older version is refused, which would find its
 * state written by a newer one.
 */
export function maintainerScripts({
  name,
  version,
  unit,
  helper,
  prepare,
  purge,
}: ServicePackage): Deb['scripts'] {
  const ended = [helper ?? '', unit].filter(Boolean).join(' ');
  return {
    preinst: script(`
if [ "$1" = upgrade ] && dpkg --compare-versions "$2" gt '${version}'; then
  echo "${name}: $2 is installed, and what it has written is not for ${version}." >&2
  echo "Remove it first; its state stays where it is, and may have to be moved away." >&2
  exit 1
fi`),
    postinst: script(`
case "$1" in
  configure | abort-upgrade | abort-deconfigure | abort-remove)
    ${(prepare ?? ':').trim().replaceAll('\n', '\n    ')}
    deb-systemd-helper unmask '${unit}' >/dev/null || true
    if deb-systemd-helper --quiet was-enabled '${unit}'; then
      deb-systemd-helper enable '${unit}' >/dev/null || true
    else
      deb-systemd-helper update-state '${unit}' >/dev/null || true
    fi
    if [ -d /run/systemd/system ]; then
      systemctl --system daemon-reload >/dev/null || true
      if [ -n "$2" ]; then action=restart; else action=start; fi
      deb-systemd-invoke "$action" '${unit}' >/dev/null || true
    fi
    ;;
esac`),
    prerm: script(`
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ${ended} >/dev/null || true
fi`),
    postrm: script(`
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ]; then
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge '${unit}' >/dev/null || true
  fi
  ${purge.trim().replaceAll('\n', '\n  ')}
fi`),
  };
}

function script(body: string): string {
  return `#!/bin/sh\nset -e\n${body}\n\nexit 0\n`;
}
