import { enrolmentSchema, guestListSchema, guestSchema, versionInfoSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { guestLines, guestTable, readyOf } from '../print/guest.ts';
import { dateTimeOf } from '../print/moment.ts';

export async function listGuests(context: Context): Promise<ExitCode> {
  const list = await context.api.get(guestListSchema, '/guests', context.signal);
  if (context.json) printJson(context, list);
  else guestTable(list.guests).forEach(context.print);
  return exitCodes.ok;
}

/** The controller and all of its guests, or one guest in detail. */
export async function showStatus(vmid: number | undefined, context: Context): Promise<ExitCode> {
  const { api, signal, json, print } = context;
  if (vmid !== undefined) {
    const guest = await api.get(guestSchema, `/guests/${vmid}`, signal);
    if (json) printJson(context, guest);
    else guestLines(guest).forEach(print);
    return readyOf(guest)?.status === 'True' ? exitCodes.ok : exitCodes.below;
  }
  const controller = await api.get(versionInfoSchema, '/version', signal);
  const { guests } = await api.get(guestListSchema, '/guests', signal);
  if (json) {
    printJson(context, { controller, guests });
    return exitCodes.ok;
  }
  print(`Controller ${controller.version}, ${controller.protocol}`);
  if (controller.simulatedNodes.length > 0) {
    print(`SIMULATED nodes: ${controller.simulatedNodes.join(', ')}`);
  }
  print('');
  guestTable(guests).forEach(print);
  return exitCodes.ok;
}

export async function enrol(vmid: number, context: Context): Promise<ExitCode> {
  const enrolment = await context.api.post(enrolmentSchema, `/guests/${vmid}/enrolments`, {}, context.signal);
  if (context.json) {
    printJson(context, enrolment);
    return exitCodes.ok;
  }
  context.note(`Run this in guest ${vmid}, once, before ${dateTimeOf(enrolment.expiresAt)}:`);
  context.print(enrolment.command);
  return exitCodes.ok;
}
