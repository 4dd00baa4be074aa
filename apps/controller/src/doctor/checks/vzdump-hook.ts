import { describeError } from '@tacet/runtime';
import type { Check, Judgement } from '../check.ts';
import type { HookFacts } from '../facts.ts';
import { line } from '../node-commands.ts';

export const vzdumpHook: Check = {
  what: "whether vzdump runs Tacet's hook",
  finds: ['hook-missing', 'hook-foreign', 'hook-broken', 'hook-calls-elsewhere'],
  node({ name, hook }) {
    switch (hook.kind) {
      case 'elsewhere':
        return {
          notKnown: `only root on ${name} sees it, and this controller is not configured to run there (hook.node); on the node: tacet hook status`,
        };
      case 'unreadable':
        return { notKnown: `${hook.because}; on the node, as root: tacet hook status` };
      case 'seen':
        return judge(name, hook);
    }
  },
};

function judge(name: string, hook: Extract<HookFacts, { kind: 'seen' }>): Judgement {
  const { configured, runnable, settings, vzdumpConf, socket } = hook;
  const install = line('tacet', 'hook', 'install', '--socket', socket);
  const evidence = [
    configured === '' ? `${vzdumpConf} has no script: line` : `${vzdumpConf}: script: ${configured}`,
  ];
  if (configured === '') {
    return [
      {
        id: 'hook-missing',
        severity: 'warning',
        message: `vzdump on node ${name} runs no hook: backups that Proxmox VE's own jobs make are not held, and no better than crash-consistent.`,
        evidence,
        remedy: 'Install the hook; it needs no restart of anything.',
        commands: [install],
      },
    ];
  }
  if (!runnable.ok) {
    return [
      {
        id: 'hook-broken',
        severity: 'error',
        message: `vzdump on node ${name} cannot run the hook that its configuration names: every backup on the node fails.`,
        evidence: [...evidence, describeError(runnable.error)],
        remedy: `Bring ${configured} back and make it executable, or take its line out of ${vzdumpConf}; then install Tacet's hook.`,
        commands: [line('chmod', '+x', configured), install],
      },
    ];
  }
  if (settings === undefined) {
    return [
      {
        id: 'hook-foreign',
        severity: 'warning',
        message: `vzdump on node ${name} runs another hook than Tacet's: backups that Proxmox VE's own jobs make are not held, unless that hook runs Tacet's.`,
        evidence,
        remedy: "Install Tacet's hook; it goes on running the other one, at the same phases.",
        commands: [install],
      },
    ];
  }
  if (settings.socket === socket) return [];
  return [
    {
      id: 'hook-calls-elsewhere',
      severity: 'warning',
      message: `The hook of vzdump on node ${name} does not call this controller: backups that Proxmox VE's own jobs make are not held by it.`,
      evidence: [...evidence, `the hook calls ${settings.socket}`, `this controller listens at ${socket}`],
      remedy: 'Tell the hook where this controller listens.',
      commands: [install],
    },
  ];
}
