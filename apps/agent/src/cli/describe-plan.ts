import type { PlannedService, PlanStep, QuiescePlan } from '@tacet/protocol';

/** For a person, within 100 columns where names allow it. */
export function describePlan(plan: QuiescePlan): string {
  const { services, steps, uncovered } = plan;
  if (services.length === 0 && uncovered.length === 0) return 'Nothing runs here.\n';
  const byId = new Map(services.map((one) => [one.containerId, one]));
  const sections = [
    section('Services', table(services.map(row))),
    section(
      'Order',
      steps.map((step, index) => `${index + 1}. ${describeStep(step, byId)}`),
    ),
    section(
      'Not held',
      uncovered.map((one) => `${nameOf(one)}: ${one.reason}`),
    ),
    section(
      'Notes',
      services.flatMap((one) => one.notes.map((note) => `${nameOf(one)}: ${note}`)),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function row(service: PlannedService): string[] {
  const { method, holds, engine, image, chosenBy } = service;
  return [nameOf(service), method, describeHolds(holds), engine ?? image, `by ${chosenBy}`];
}

function describeHolds(holds: PlannedService['holds']): string {
  return holds.length === 0 ? 'not held' : holds.join(' + ');
}

function describeStep({ action, containerIds }: PlanStep, byId: ReadonlyMap<string, PlannedService>): string {
  if (action === 'freeze' && containerIds.length > 4) {
    return `freeze ${containerIds.length} containers in one sweep`;
  }
  const members = containerIds.flatMap((id) => byId.get(id) ?? []);
  return `${action} ${members.map((one) => nameOf(one) + describeCost(action, one)).join(', ')}`;
}

function describeCost(action: PlanStep['action'], { predictedHoldMs }: PlannedService): string {
  return action === 'lock' && predictedHoldMs !== null ? ` (about ${Math.ceil(predictedHoldMs)} ms)` : '';
}

function nameOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function table(rows: readonly string[][]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd((widths?.[column] ?? 0) + 2))
      .join('')
      .trimEnd(),
  );
}
