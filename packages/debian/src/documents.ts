import { gzipSync } from 'node:zlib';
import { type Deb, type InstalledFile, maintainer } from './deb.ts';

/** What Debian wants below /usr/share/doc, and what lintian(1) shall know. */
export function documentsOf({ name, version, overrides }: Deb, epochS: number): InstalledFile[] {
  const folder = `/usr/share/doc/${name}`;
  const documents: InstalledFile[] = [
    { path: `${folder}/copyright`, content: copyright },
    { path: `${folder}/changelog.gz`, content: compressed(changelog(name, version, epochS)) },
  ];
  if (overrides.length > 0) {
    const lines = overrides.flatMap(({ tag, why }) => [`# ${why}`, `${name}: ${tag}`]);
    documents.push({ path: `/usr/share/lintian/overrides/${name}`, content: `${lines.join('\n')}\n` });
  }
  return documents;
}

/** A manual page in its place, compressed as Debian wants it. */
export function manualPage(name: string, section: 1 | 8, text: string): InstalledFile {
  return { path: `/usr/share/man/man${section}/${name}.${section}.gz`, content: compressed(text) };
}

/** As `gzip -9n`: without a name and a time. */
function compressed(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

function changelog(name: string, version: string, epochS: number): string {
  const date = new Date(epochS * 1000).toUTCString().replace('GMT', '+0000');
  return `${name} (${version}) stable; urgency=medium\n\n  * Version ${version}.\n\n -- ${maintainer}  ${date}\n`;
}

const copyright = [
  'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
  'Upstream-Name: tacet',
  '',
  'Files: *',
  'Copyright: 2026 The Tacet maintainers',
  'License: Apache-2.0',
  '',
  'License: Apache-2.0',
  ' On Debian systems the full text of the Apache License, version 2.0, is in',
  ' /usr/share/common-licenses/Apache-2.0.',
  '',
].join('\n');
