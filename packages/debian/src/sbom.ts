import { createHash } from 'node:crypto';
import type { BundledPackage } from './bundled.ts';

/** A software bill of materials: CycloneDX 1.6, JSON. */
export function sbomOf(
  component: { name: string; version: string },
  packages: readonly BundledPackage[],
  epochS: number,
): string {
  const components = packages.map(({ name, version, license }) => ({
    type: 'library',
    'bom-ref': purl(name, version),
    name,
    version,
    purl: purl(name, version),
    licenses: [{ expression: license }],
  }));
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([component, components]))}`,
    version: 1,
    metadata: {
      timestamp: new Date(epochS * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': `${component.name}@${component.version}`,
        ...component,
        licenses: [{ expression: 'Apache-2.0' }],
      },
    },
    components,
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

/** https://github.com/package-url/purl-spec: the `@` of a scope is escaped. */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** Of the content, so that two builds have the same: version 8 of RFC 9562. */
function uuidOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
