export interface InstalledFile {
  /** Absolute, as on the machine that it is installed on. */
  readonly path: string;
  /** The bytes themselves, or which file here they are in. */
  readonly content: string | Uint8Array | { readonly file: string };
  /** Default 0644. */
  readonly mode?: number;
}

export type Architecture = 'all' | 'amd64' | 'arm64';

/** A binary package, as deb-control(5) and the Debian Policy Manual describe it. */
export interface Deb {
  readonly name: string;
  readonly version: string;
  readonly architecture: Architecture;
  readonly depends: string;
  readonly conflicts?: string;
  /** One line, and then what is said at more length. */
  readonly summary: string;
  readonly description: string;
  readonly files: readonly InstalledFile[];
  /** Paths among `files` that an upgrade leaves as the operator has made them. */
  readonly conffiles: readonly string[];
  readonly scripts: Readonly<Partial<Record<'preinst' | 'postinst' | 'prerm' | 'postrm', string>>>;
  /** Tags of lintian(1) that are so on purpose, with the reason. */
  readonly overrides: readonly { readonly tag: string; readonly why: string }[];
}

export const maintainer = 'The Tacet maintainers <maintainers@tacet.invalid>';
