import {
  scheduleListSchema,
  schedulePreviewSchema,
  scheduleRunListSchema,
  scheduleSchema,
  scheduleViewSchema,
  startedRunsSchema,
} from '@tacet/protocol';
import { requireValid } from '../arguments.ts';
import { usage } from '../cli-error.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { readJsonObject } from '../json-file.ts';
import { previewLines, runTable, scheduleLines, scheduleTable } from '../print/schedule.ts';

const hint = 'docs/reference/schedules.md shows one.';

export async function listSchedules(context: Context): Promise<ExitCode> {
  const list = await context.api.get(scheduleListSchema, '/schedules', context.signal);
  if (context.json) printJson(context, list);
  else scheduleTable(list.schedules).forEach(context.print);
  return exitCodes.ok;
}

export async function showSchedule(name: string, count: number, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const view = await api.get(scheduleViewSchema, pathOf(name), signal);
  const { runs } = await api.get(scheduleRunListSchema, `${pathOf(name)}/runs?limit=${count}`, signal);
  if (context.json) printJson(context, { ...view, runs });
  else [...scheduleLines(view), '', ...runTable(runs)].forEach(context.print);
  return exitCodes.ok;
}

/** The name may be left out of the file; one that differs is a mistake. */
export async function setSchedule(name: string, file: string, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const body = { name, ...(await readJsonObject(file, 'a schedule', hint)) };
  const schedule = requireValid(scheduleSchema, body, `the schedule in ${file}`);
  if (schedule.name !== name) {
    throw usage(
      `this is the schedule "${schedule.name}", not "${name}"`,
      'A schedule cannot be renamed: set it under its new name, and delete the old one.',
    );
  }
  const view = await api.put(scheduleViewSchema, pathOf(name), body, signal);
  if (context.json) {
    printJson(context, view);
    return exitCodes.ok;
  }
  scheduleLines(view).forEach(context.print);
  context.print('');
  return await previewSchedule(name, context);
}

export async function deleteSchedule(name: string, context: Context): Promise<ExitCode> {
  await context.api.delete(pathOf(name), context.signal);
  context.note(`The schedule ${name} is gone. What is under way goes on.`);
  return exitCodes.ok;
}

export async function runSchedule(
  name: string,
  vmids: readonly number[],
  context: Context,
): Promise<ExitCode> {
  const body = vmids.length === 0 ? {} : { vmids };
  const started = await context.api.post(startedRunsSchema, `${pathOf(name)}/runs`, body, context.signal);
  if (context.json) {
    printJson(context, started);
    return exitCodes.ok;
  }
  const due = started.runs.map(({ vmid }) => vmid);
  if (due.length > 0) context.print(`Due now: ${due.join(', ')}`);
  if (started.alreadyUnderWay.length > 0) {
    context.print(`Under way already: ${started.alreadyUnderWay.join(', ')}`);
  }
  context.note(`They begin as their nodes are free. How they go: tacet schedule show ${name}`);
  return exitCodes.ok;
}

/** @returns `below` where somebody whom the schedule names is not there. */
export async function previewSchedule(name: string, context: Context): Promise<ExitCode> {
  const preview = await context.api.get(schedulePreviewSchema, `${pathOf(name)}/preview`, context.signal);
  if (context.json) printJson(context, preview);
  else previewLines(preview).forEach(context.print);
  return preview.unmatched.length > 0 || preview.guests.length === 0 ? exitCodes.below : exitCodes.ok;
}

function pathOf(name: string): string {
  return `/schedules/${encodeURIComponent(name)}`;
}
