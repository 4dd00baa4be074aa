// Everything that `main` must hold, in one command: formatting, lint, types, the build, and all tests. The
// last line is `N passed, N failed, N skipped`; what was skipped stands above it by name, with the reason.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { name: string; assertionResults: { status: string; ancestorTitles: string[] }[] }[];
}

const root = join(import.meta.dirname, '..');
const reportFile = join(root, 'node_modules', '.tacet', 'vitest.json');

const checks: [name: string, command: string, ...args: string[]][] = [
  ['formatting', 'oxfmt', '--check', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['types of the dashboard', 'tsc', '--noEmit', '-p', 'apps/dashboard'],
  ['build', 'turbo', 'run', 'build', '--output-logs=errors-only'],
];

function run(command: string, args: string[]): boolean {
  console.log(`\n> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

const failedChecks = checks.filter(([, command, ...args]) => !run(command, args)).map(([name]) => name);

mkdirSync(join(reportFile, '..'), { recursive: true });
const testsPassed = run('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
]);
const report = JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport;

const skipped = report.testResults.flatMap(({ assertionResults }) =>
  assertionResults.filter(({ status }) => status === 'pending' || status === 'skipped' || status === 'todo'),
);
for (const suite of new Set(skipped.map(({ ancestorTitles }) => ancestorTitles[0] ?? ''))) console.log(suite);
for (const name of failedChecks) console.log(`failed: ${name}`);

const passed = report.numPassedTests + checks.length - failedChecks.length;
// A suite that could not even be collected has no failed tests of its own.
const brokenSuites = testsPassed || report.numFailedTests > 0 ? 0 : Math.max(1, report.numFailedTestSuites);
const failed = report.numFailedTests + failedChecks.length + brokenSuites;
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
