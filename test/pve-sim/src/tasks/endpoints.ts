import { splitCaller } from '../access/accounts.ts';
import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { forbidden, invalidParameters } from '../api/errors.ts';
import { BOOLEAN, INTEGER, STRING, VMID } from '../api/schema.ts';
import type { Task } from './task.ts';
import { parseUpid } from './upid.ts';

/** A token sees its own tasks; a user sees his own and his tokens'. */
function owns(caller: string, owner: string): boolean {
  return caller === owner || caller === splitCaller(owner)[0];
}

function upidOf(call: Call): { readonly text: string; readonly node: string; readonly user: string } {
  const text = parameter(call, 'upid');
  const upid = parseUpid(text);
  if (upid === undefined) throw invalidParameters({ upid: 'unable to parse worker upid' });
  const node = parameter(call, 'node');
  if (upid.node !== node) throw invalidParameters({ upid: 'upid does not belong to this node' });
  return { text, node, user: upid.user };
}

function requireOwnerOr(call: Call, privilege: 'Sys.Audit' | 'Sys.Modify'): void {
  const { node, user } = upidOf(call);
  if (owns(call.caller, user)) return;
  if (call.world.access.allows(call.caller, `/nodes/${node}`, privilege)) return;
  throw forbidden(`/nodes/${node}, ${privilege}`);
}

/** Active entries carry the whole token id as `user`, finished ones user and `tokenid`. */
function listed(task: Task): Record<string, unknown> {
  const { node, pid, pstart, starttime, type, id, user } = task.upid;
  const common = { upid: task.text, node, pid, pstart, starttime, type, id };
  if (task.running) return { ...common, user, saved: '0', status: 'RUNNING' };
  const [userid, tokenid] = splitCaller(user);
  return {
    ...common,
    user: userid,
    ...(tokenid === undefined ? {} : { tokenid }),
    endtime: task.endtime,
    status: task.exitstatus,
  };
}

function listTasks(call: Call): Reply {
  const { world, caller, parameters } = call;
  const node = parameter(call, 'node');
  const auditor = world.access.allows(caller, `/nodes/${node}`, 'Sys.Audit');
  const source = parameters['source'] ?? 'archive';
  const matches = (task: Task): boolean =>
    task.upid.node === node &&
    (auditor || owns(caller, task.upid.user)) &&
    (parameters['typefilter'] === undefined || task.upid.type === parameters['typefilter']) &&
    (parameters['vmid'] === undefined || task.upid.id === parameters['vmid']) &&
    (parameters['userfilter'] === undefined || task.upid.user.includes(parameters['userfilter'])) &&
    (parameters['since'] === undefined || task.upid.starttime >= Number(parameters['since'])) &&
    (parameters['until'] === undefined || task.upid.starttime <= Number(parameters['until'])) &&
    (parameters['errors'] !== '1' || (!task.running && task.exitstatus !== 'OK'));
  const tasks = world.tasks.all().filter(matches);
  const active = source === 'archive' ? [] : tasks.filter((task) => task.running);
  const finished =
    source === 'active'
      ? []
      : tasks.filter((task) => !task.running).toSorted((a, b) => (b.endtime ?? 0) - (a.endtime ?? 0));
  const all = [...active, ...finished];
  const start = Number(parameters['start'] ?? 0);
  const limit = Number(parameters['limit'] ?? 50);
  const page = all.slice(start, start + limit).map(listed);
  return all.length === 0 ? data(page) : { data: page, total: all.length };
}

function status(call: Call): Reply {
  requireOwnerOr(call, 'Sys.Audit');
  const { text } = upidOf(call);
  const task = call.world.tasks.get(text);
  if (task === undefined) throw invalidParameters({ upid: 'no such task' });
  const { node, pid, pstart, starttime, type, id, user } = task.upid;
  const [userid, tokenid] = splitCaller(user);
  return data({
    upid: text,
    node,
    pid,
    pstart,
    starttime,
    type,
    id,
    user: userid,
    ...(tokenid === undefined ? {} : { tokenid }),
    ...(task.running ? { status: 'running' } : { status: 'stopped', exitstatus: task.exitstatus }),
  });
}

/**
 * An empty log answers one line `no content` with the number 1: a reader that goes on from line 2 loses
 * the real first line. A missing log is a 200 too.
 */
function log(call: Call): Reply {
  requireOwnerOr(call, 'Sys.Audit');
  const task = call.world.tasks.get(upidOf(call).text);
  if (task === undefined) {
    return { data: [{ n: 1, t: 'unable to open file - No such file or directory' }], total: 1 };
  }
  if (task.log.length === 0) return { data: [{ n: 1, t: 'no content' }], total: 1 };
  const start = Number(call.parameters['start'] ?? 0);
  const limit = Number(call.parameters['limit'] ?? 50);
  const lines = task.log.slice(start, start + limit).map((t, index) => ({ n: start + index + 1, t }));
  return { data: lines, total: task.log.length };
}

async function stop(call: Call): Promise<Reply> {
  requireOwnerOr(call, 'Sys.Modify');
  await call.world.tasks.get(upidOf(call).text)?.stop();
  return data(null);
}

function clusterTasks(call: Call): Reply {
  const { world, caller } = call;
  const [, tokenid] = splitCaller(caller);
  const auditor = world.access.allows(caller, '/', 'Sys.Audit');
  // Seen on Proxmox VE 9.2: a token without Sys.Audit does not even find its own tasks here.
  const visible = (task: Task): boolean => auditor || (tokenid === undefined && owns(caller, task.upid.user));
  return data(world.tasks.all().filter(visible).toReversed().slice(0, 25).map(listed));
}

export const taskEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/tasks',
    parameters: {
      start: INTEGER,
      limit: INTEGER,
      userfilter: STRING,
      typefilter: STRING,
      statusfilter: STRING,
      vmid: VMID,
      errors: BOOLEAN,
      source: { type: 'string', enum: ['archive', 'active', 'all'] },
      since: INTEGER,
      until: INTEGER,
    },
    handle: listTasks,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}',
    handle: () => data([{ name: 'log' }, { name: 'status' }]),
  },
  { method: 'DELETE', path: '/nodes/{node}/tasks/{upid}', protected: true, handle: stop },
  { method: 'GET', path: '/nodes/{node}/tasks/{upid}/status', protected: true, handle: status },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}/log',
    parameters: { start: INTEGER, limit: INTEGER, download: BOOLEAN },
    protected: true,
    handle: log,
  },
  { method: 'GET', path: '/cluster/tasks', handle: clusterTasks },
];
