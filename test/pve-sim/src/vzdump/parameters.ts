import { type Call } from '../api/endpoint.ts';
import { invalidParameters } from '../api/errors.ts';
import {
  BOOLEAN,
  INTEGER,
  type Parameters,
  type ParameterSchema,
  required,
  splitList,
  STRING,
  VMID_LIST,
} from '../api/schema.ts';

export const VZDUMP_PARAMETERS: ParameterSchema = {
  all: BOOLEAN,
  bwlimit: INTEGER,
  compress: { type: 'string', enum: ['0', '1', 'gzip', 'lzo', 'zstd'] },
  dumpdir: STRING,
  exclude: VMID_LIST,
  'exclude-path': STRING,
  fleecing: {
    type: 'string',
    format: (value) =>
      /(^|,)enabled=1/.test(value) && !/(^|,)storage=/.test(value)
        ? "'storage' parameter is required when 'enabled' is set"
        : undefined,
  },
  ionice: { type: 'integer', minimum: 0, maximum: 8 },
  'job-id': STRING,
  lockwait: INTEGER,
  mailnotification: { type: 'string', enum: ['always', 'failure'] },
  mailto: STRING,
  mode: { type: 'string', enum: ['snapshot', 'suspend', 'stop'] },
  'notes-template': STRING,
  'notification-mode': { type: 'string', enum: ['auto', 'legacy-sendmail', 'notification-system'] },
  'pbs-change-detection-mode': { type: 'string', enum: ['legacy', 'data', 'metadata'] },
  performance: STRING,
  pigz: { type: 'integer' },
  pool: STRING,
  protected: BOOLEAN,
  'prune-backups': STRING,
  quiet: BOOLEAN,
  remove: BOOLEAN,
  script: STRING,
  stdexcludes: BOOLEAN,
  stdout: BOOLEAN,
  stop: BOOLEAN,
  stopwait: INTEGER,
  storage: STRING,
  tmpdir: STRING,
  vmid: VMID_LIST,
  zstd: INTEGER,
};

const NOTES_VARIABLES = new Set(['cluster', 'guestname', 'node', 'vmid']);

/** The checks of PVE::API2::VZDump on top of the schema, in its order. Throws 400s and 403s. */
export function checkVzdumpParameters({ world, caller, parameters }: Call, node: string): void {
  if (parameters['stdout'] === '1') {
    throw invalidParameters({ stdout: 'option is only allowed on the command line interface.' });
  }
  for (const name of ['tmpdir', 'dumpdir', 'script', 'job-id']) {
    if (parameters[name] !== undefined && caller !== 'root@pam') {
      throw invalidParameters({ [name]: 'Only root may set this option.' });
    }
  }
  for (const name of ['bwlimit', 'ionice', 'performance']) {
    if (parameters[name] !== undefined) world.access.require(caller, '/', 'Sys.Modify');
  }
  if (parameters['prune-backups'] !== undefined) {
    world.access.require(caller, `/storage/${parameters['storage'] ?? 'local'}`, 'Datastore.Allocate');
  }
  for (const name of ['all', 'exclude', 'pool']) {
    if (isSet(parameters[name]) && isSet(parameters['vmid'])) {
      throw invalidParameters({ [name]: "option conflicts with option 'vmid'" });
    }
  }
  checkNotesTemplate(parameters['notes-template']);
  if (!isSet(parameters['vmid']) && !['all', 'stop', 'pool'].some((name) => isSet(parameters[name]))) {
    throw invalidParameters({ vmid: 'property is missing' });
  }
  if (isSet(parameters['stop'])) world.access.require(caller, `/nodes/${node}`, 'Sys.Modify');
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

function checkNotesTemplate(template: string | undefined): void {
  if (template === undefined) return;
  if (template.includes('\n')) throw invalidParameters({ 'notes-template': 'contains a line feed\n' });
  for (const match of template.matchAll(/\{\{([^}]*)\}\}/g)) {
    const variable = match[1] ?? '';
    if (!NOTES_VARIABLES.has(variable)) {
      throw invalidParameters({
        'notes-template': `found unknown: variable '${variable}' at char ${match.index + 4}\n`,
      });
    }
  }
}

/** A template is one line in which `\n` and `\\` are escaped. */
export function renderNotes(template: string, guest: { name: string; vmid: number; node: string }): string {
  const values: Record<string, string> = {
    guestname: guest.name,
    vmid: String(guest.vmid),
    node: guest.node,
    cluster: 'standalone node - no cluster',
  };
  return template
    .replaceAll(/\\(n|\\)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : '\\'))
    .replaceAll(/\{\{([^}]*)\}\}/g, (_, variable: string) => values[variable] ?? '');
}

/** `vzdump 201 --mode snapshot …`: the options in random order, as Perl's hashes give them. */
export function commandLine(parameters: Parameters): string {
  const options = Object.entries(parameters)
    .filter(([name, value]) => name !== 'vmid' && value !== '')
    .map(([name, value]) => ({ text: `--${name} ${shellQuote(value)}`, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ text }) => text);
  return ['vzdump', ...splitList(parameters['vmid'] ?? ''), ...options].join(' ');
}

export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** The schema of the endpoint: `vmid` is checked by hand because it may be missing. */
export const EXTRACT_CONFIG_PARAMETERS: ParameterSchema = { volume: required(STRING) };
