import { usualPlaces } from './controller-file.ts';
import { exitCodeLines } from './exit-codes.ts';

export interface Topic {
  readonly name: string;
  readonly summary: string;
  /** Also a section of the manual page, where nothing else there says the same. */
  readonly inManual: boolean;
  readonly lines: () => string[];
}

export const environmentVariables: readonly (readonly [string, string])[] = [
  ['TACET_CONTROLLER', 'The file with the access to the controller: address, fingerprint and token.'],
  ['TACET_URL', 'The address of the controller, instead of a file; needs TACET_FINGERPRINT and a token.'],
  ['TACET_FINGERPRINT', 'SHA-256 of the controller’s certificate, AA:BB:…, for TACET_URL.'],
  ['TACET_TOKEN', 'An API token, instead of the one in the file.'],
  ['TACET_TOKEN_FILE', 'A file that has nothing else in it but the API token.'],
];

/** What `tacet help` tells beside the commands. */
export const topics: readonly Topic[] = [
  {
    name: 'configuration',
    summary: 'how tacet finds its controller, and with which token',
    inManual: false,
    lines: () => [
      'Access to a controller is its address, the fingerprint of its certificate, and an API token. The controller',
      'writes all three into cli.json in its state directory. tacet takes the first of these:',
      '',
      '  1. the file that --controller names, and nothing else;',
      '  2. TACET_URL with TACET_FINGERPRINT and a token;',
      '  3. the file that TACET_CONTROLLER names;',
      ...usualPlaces('~').map((place, index) => `  ${index + 4}. ${place}`),
      '',
      'From the environment:',
      '',
      ...environmentVariables.map(([name, meaning]) => `  ${name.padEnd(18)}${meaning}`),
      '',
      'With 3 to 5, TACET_TOKEN or TACET_TOKEN_FILE goes before the token of the file. No option takes a token: others',
      'on the machine could read it. Nothing is sent to who shows another certificate.',
    ],
  },
  {
    name: 'exit-codes',
    summary: 'what scripts can rely on',
    inManual: false,
    lines: exitCodeLines,
  },
  {
    name: 'verdicts',
    summary: 'what a backup is worth, and how that is known',
    inManual: true,
    lines: () => [
      '  app      app-consistent: every service was held from before the snapshot until after it, and that is proven',
      '  crash    as after a power cut: nobody could hold the guest, or not all the time; the reason is given',
      '  unknown  what is needed to tell was not seen, for example because the controller was away',
      '',
      'The proof is a row of moments, which backup and operation print: held, requested, snapshot seen, thawed.',
      'A verdict below app ends the command with exit code 3.',
    ],
  },
  {
    name: 'scripts',
    summary: 'output for programs',
    inManual: true,
    lines: () => [
      'Results go to standard output; steps, hints and errors to standard error. With --json the answers of the API come',
      'as they are, events one a line, and nothing on the way there. Exit codes say how it went: tacet help exit-codes.',
    ],
  },
];

export const topicNames = topics.map(({ name }) => name);

/** Below the commands in `tacet --help`. */
export const helpFooter = `
Topics, for tacet help:
${topics.map(({ name, summary }) => `  ${name.padEnd(14)}  ${summary}`).join('\n')}

Exit codes:
${exitCodeLines().join('\n')}
`;
