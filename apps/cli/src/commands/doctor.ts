import { type DoctorReport, doctorReportSchema } from '@tacet/protocol';
import { CliError } from '../cli-error.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { reportLines } from '../print/doctor-report.ts';

export interface DoctorOptions {
  /** Nothing is asked anew. */
  readonly last?: boolean;
}

/** What would make a backup or a restore fail, or worth less. Changes nothing. */
export async function examine(
  vmids: readonly number[],
  { last }: DoctorOptions,
  context: Context,
): Promise<ExitCode> {
  const { api, signal, json, print } = context;
  if (last === true && vmids.length > 0) {
    throw new CliError('--last shows the last report as it is', exitCodes.usage, {
      code: 'invalid-input',
      hint: 'Leave the VMIDs out, or --last.',
    });
  }
  const report =
    last === true
      ? await api.get(doctorReportSchema, '/doctor', signal)
      : await api.post(doctorReportSchema, '/doctor', vmids.length === 0 ? {} : { vmids }, signal);
  if (json) printJson(context, report);
  else reportLines(report).forEach(print);
  return exitCodeOf(report);
}

function exitCodeOf({ findings }: DoctorReport): ExitCode {
  if (findings.some(({ severity }) => severity === 'error')) return exitCodes.broken;
  return findings.some(({ severity }) => severity === 'warning') ? exitCodes.below : exitCodes.ok;
}
