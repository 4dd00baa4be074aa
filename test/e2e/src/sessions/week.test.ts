import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityStore } from '@tacet/agent/src/session/identity-store.ts';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { enrolAgent, ApiClient, fakeIncarnation } from '@tacet/controller/testing';
import {
  conditionTypeSchema,
  eventListSchema,
  type Guest,
  guestSchema,
  type StoredEvent,
} from '@tacet/protocol';
import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CuttableWire } from './cuttable-wire.ts';
import { type Finding, week } from './week.ts';
import { WeekClock, WiredAgent } from './wired-agent.ts';

/** Others can be tried: `TACET_WEEK_SEED=7 vitest run --project unit test/e2e/src/sessions`. */
const seeds = process.env['TACET_WEEK_SEED']?.split(',').map(Number) ?? [20_261_122];
const patienceMs = 20_000;

let undo: Undo;
beforeEach(() => void (undo = new Undo()));
afterEach(() => undo[Symbol.asyncDispose]());

describe('a week of events, disconnections and duplicates', () => {
  it.each(seeds)(
    'leaves the controller with exactly the agent’s picture after each of them (seed %d)',
    { timeout: 300_000 },
    async (seed) => {
      const house = await openHouse();
      const counts = { happenings: 0, reconnections: 0 };
      for (const happening of week(seed)) {
        counts.happenings += 1;
        house.clock.pass(happening.afterMs);
        const when = `${seed}: after ${counts.happenings}, ${happening.kind}`;
        const before = house.agent.welcomes;
        switch (happening.kind) {
          case 'finding':
            house.report(happening.finding);
            continue;
          case 'quiesce':
            house.agent.quiesceState = happening.state;
            continue;
          case 'event':
            house.agent.events.emit('heal.step', happening.message);
            continue;
          case 'stall-and-flow':
            house.wire.stall();
            house.report(finding('Ready', 'False', counts.happenings));
            await nextTurn();
            house.wire.flow();
            await house.agree(when, before);
            continue;
          case 'stall-and-cut':
            house.wire.stall();
            house.report(finding('Ready', 'False', counts.happenings));
            await nextTurn();
            house.wire.cut();
            break;
          case 'cut':
            house.wire.cut();
            break;
          case 'late': {
            house.wire.stall();
            house.report(finding('Thawed', 'False', counts.happenings));
            await nextTurn();
            const deliver = house.wire.loseNearEnds();
            house.report(finding('Thawed', 'True', counts.happenings));
            await house.agree(`${when}, not delivered yet`, before + 1);
            await deliver();
            break;
          }
          case 'agent-restart':
            await house.restartAgent();
            await house.agree(when, 1);
            continue;
          case 'controller-restart':
            await house.restartController();
        }
        await house.agree(when, before + 1);
        counts.reconnections += 1;
      }
      await house.agree(`${seed}: at the end`, 1);
      expect(counts.happenings).toBeGreaterThan(1_500);
      expect(counts.reconnections).toBeGreaterThan(50);
      await house.expectEachEventOnce();
    },
  );
});

interface House {
  clock: WeekClock;
  wire: CuttableWire;
  readonly agent: WiredAgent;
  report(finding: Finding): void;
  restartAgent(): Promise<void>;
  restartController(): Promise<void>;
  /** Fails unless, after so many welcomes, the API shows within some seconds what the agent's board has. */
  agree(when: string, welcomes: number): Promise<void>;
  expectEachEventOnce(): Promise<void>;
}

async function openHouse(): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-week-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const clock = new WeekClock();
  let controller = await newController(directory);
  undo.defer(() => controller[Symbol.asyncDispose]());
  const wire = await CuttableWire.open(portOf(controller));
  undo.defer(() => wire[Symbol.asyncDispose]());
  const stateDir = join(directory, 'agent');
  await enrol(controller, wire.port, stateDir, clock);
  let boots = 0;
  const start = (): WiredAgent => new WiredAgent(stateDir, clock, `boot-${boots++}`);
  let agent = start();
  undo.defer(() => agent[Symbol.asyncDispose]());
  let api = await ApiClient.of(controller.clientFile);
  const seen = async (): Promise<Guest> => await api.expect(guestSchema, 'GET', '/api/v1/guests/101');
  return {
    clock,
    wire,
    get agent() {
      return agent;
    },
    report(one) {
      const others = conditionTypeSchema.options.flatMap((type): Finding[] => {
        const known = agent.board.current().conditions.find((condition) => condition.type === type);
        return known && type !== one.type ? [known] : [];
      });
      agent.board.report(
        [...others.map(({ type, status, reason, message }) => ({ type, status, reason, message })), one],
        [],
      );
    },
    async restartAgent() {
      await agent[Symbol.asyncDispose]();
      agent = start();
    },
    async restartController() {
      await controller[Symbol.asyncDispose]();
      controller = await newController(directory);
      api = await ApiClient.of(controller.clientFile);
      wire.leadTo(portOf(controller));
    },
    async agree(when, welcomes) {
      let shown: Guest | undefined;
      for (const endsAt = Date.now() + patienceMs; Date.now() < endsAt; await pause()) {
        shown = await seen();
        if (agent.welcomes >= welcomes && shown.connected && isEqual(shown, agent)) return;
      }
      const { conditions, quiesceState } = agent.board.current();
      expect({ when, conditions: shown?.conditions, quiesceState: shown?.quiesceState }).toEqual({
        when,
        conditions,
        quiesceState,
      });
      throw new Error(`${when}: connected ${shown?.connected}, ${agent.welcomes} of ${welcomes} welcomes`);
    },
    async expectEachEventOnce() {
      const stored: StoredEvent[] = [];
      for (let after = 0; ;) {
        const { events, next } = await api.expect(eventListSchema, 'GET', `/api/v1/events?after=${after}`);
        if (events.length === 0) break;
        stored.push(...events);
        after = next;
      }
      const told = stored.filter(({ type }) => type === 'condition.changed' || type === 'heal.step');
      const names = told.map(({ at, type, message }) => `${at} ${type} ${message}`);
      expect(names.length).toBeGreaterThan(500);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    },
  };
}

async function newController(directory: string): Promise<Controller> {
  return await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [],
      // So soon that what was told is mostly known to have been heard.
      heartbeatMs: 100,
    }),
    log: silentLogger,
  });
}

async function enrol(
  controller: Controller,
  port: number,
  stateDir: string,
  clock: WeekClock,
): Promise<void> {
  const api = await ApiClient.of(controller.clientFile);
  const vmid = 101;
  const credential = await enrolAgent(api, vmid, fakeIncarnation(vmid));
  await new IdentityStore(stateDir, { log: silentLogger, clock }).save({
    version: 1,
    controllerUrl: `https://127.0.0.1:${port}`,
    fingerprint: controller.fingerprint,
    credential,
    vmid,
  });
}

function isEqual(shown: Guest, agent: WiredAgent): boolean {
  const { conditions, quiesceState } = agent.board.current();
  return (
    shown.quiesceState === quiesceState && JSON.stringify(shown.conditions) === JSON.stringify(conditions)
  );
}

function finding(type: Finding['type'], status: Finding['status'], count: number): Finding {
  return { type, status, reason: 'Reported', message: `reported at happening ${count}` };
}

function portOf({ url }: Controller): number {
  return Number(new URL(url).port);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
