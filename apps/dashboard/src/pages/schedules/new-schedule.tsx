import { scheduleNameSchema, scheduleViewSchema } from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { schedulesQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { vmidsOf } from '../../model/selector.ts';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';

/** What most schedules are. Everything else that one can say goes through the command line. */
export function NewSchedule({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('nightly');
  const [event, setEvent] = useState('02:30');
  const [timeZone, setTimeZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [who, setWho] = useState('');
  const make = useChange(scheduleViewSchema, async () => {
    await client.invalidateQueries({ queryKey: schedulesQuery.queryKey });
    onClose();
  });
  const vmids = vmidsOf(who);
  const isNamed = scheduleNameSchema.safeParse(name).success;
  const submit = (): void => {
    if (vmids === null) return;
    const include = vmids.length === 0 ? { all: true } : { vmids };
    const body = { name, guests: { include }, when: { event, timeZone } };
    make.mutate({ method: 'PUT', path: `/schedules/${name}?version=0`, body });
  };
  return (
    <FormDialog
      title="New schedule"
      change={make}
      word="Make it"
      isComplete={vmids !== null && isNamed}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field
        label="Name"
        autoCapitalize="none"
        required
        value={name}
        onChange={({ target }) => setName(target.value)}
        problem={isNamed ? null : 'Small letters, digits, dots, dashes and underscores.'}
      />
      <Field
        label="When"
        hint="A calendar event: 02:30, or mon..fri 22:00."
        required
        value={event}
        onChange={({ target }) => setEvent(target.value)}
      />
      <Field
        label="Time zone"
        hint="As Europe/Berlin."
        required
        value={timeZone}
        onChange={({ target }) => setTimeZone(target.value)}
      />
      <Field
        label="Guests"
        hint="VMIDs; left empty: every guest that can be seen."
        value={who}
        onChange={({ target }) => setWho(target.value)}
        problem={vmids === null ? 'VMIDs are numbers of three digits and more.' : null}
      />
    </FormDialog>
  );
}
