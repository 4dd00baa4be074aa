import {
  type Channel,
  channelNameSchema,
  type ChannelView,
  channelViewSchema,
  notificationKindSchema,
} from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useChange } from '../../api/session.ts';
import { vmidsOf } from '../../model/selector.ts';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { bodyOf, type Draft, draftOf, secretFields } from './channel-draft.ts';
import { kindNames, subjectNames } from './channel-words.ts';
import { channelsQuery } from './channels-query.ts';

const kinds: readonly Channel['kind'][] = ['ntfy', 'gotify', 'email', 'webhook', 'ping'];
const securities: Readonly<Record<Draft['security'], string>> = {
  starttls: 'STARTTLS',
  tls: 'TLS',
  none: 'none, for a relay without a password',
};

/** What most channels need. Everything else that one can say goes through the command line, and stays as it is. */
export function ChannelDialog({ view, onClose }: { view?: ChannelView; onClose: () => void }) {
  const client = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(view));
  const change = useChange(channelViewSchema, async () => {
    await client.invalidateQueries({ queryKey: channelsQuery.queryKey });
    onClose();
  });
  const set = (changed: Partial<Draft>): void => setDraft({ ...draft, ...changed });
  const { name, kind } = draft;
  const vmids = vmidsOf(draft.vmids);
  const isNamed = channelNameSchema.safeParse(name).success;
  const submit = (): void => {
    if (vmids === null) return;
    const path = `/notifications/${encodeURIComponent(name)}?version=${view?.version ?? 0}`;
    change.mutate({ method: 'PUT', path, body: bodyOf(draft, vmids, view?.channel) });
  };
  return (
    <FormDialog
      title={view === undefined ? 'New channel' : `The channel ${view.name}`}
      change={change}
      word={view === undefined ? 'Make it' : 'Change it'}
      isComplete={vmids !== null && isNamed}
      onSubmit={submit}
      onClose={onClose}
    >
      {view === undefined && (
        <>
          <Field
            label="Name"
            autoComplete="off"
            autoCapitalize="none"
            hint="Small letters, digits, dots, dashes and underscores."
            required
            value={name}
            onChange={({ target }) => set({ name: target.value })}
            problem={isNamed || name === '' ? null : 'Small letters, digits, dots, dashes and underscores.'}
          />
          <Choice
            label="Kind"
            value={kind}
            names={kindNames}
            options={kinds}
            onChange={(one) => set({ kind: one })}
          />
        </>
      )}
      {(kind === 'ntfy' || kind === 'gotify') && (
        <Field
          label="Server"
          type="url"
          hint={kind === 'ntfy' ? 'As https://ntfy.sh' : 'As https://gotify.example.org'}
          required
          value={draft.server}
          onChange={({ target }) => set({ server: target.value })}
        />
      )}
      {kind === 'email' && <MailFields draft={draft} set={set} />}
      {secretFields[kind].map((field) => {
        const isKept = view !== undefined && view.hasSecrets.includes(field.name);
        return (
          <Field
            key={`${kind} ${field.name}`}
            label={field.label}
            type="password"
            autoComplete="off"
            hint={isKept ? 'Left empty: as it is.' : field.hint}
            required={field.isNeeded && !isKept}
            value={draft.secrets[field.name] ?? ''}
            onChange={({ target }) => set({ secrets: { ...draft.secrets, [field.name]: target.value } })}
          />
        );
      })}
      <Field
        label="Guests"
        hint={
          kind === 'ping' ? 'VMIDs; one check for each guest tells most.' : 'VMIDs; left empty: every guest.'
        }
        value={draft.vmids}
        onChange={({ target }) => set({ vmids: target.value })}
        problem={vmids === null ? 'VMIDs are numbers of three digits and more.' : null}
      />
      {kind !== 'ping' && <Subjects draft={draft} set={set} />}
      <label className="tool-check">
        <input
          type="checkbox"
          checked={draft.enabled}
          onChange={({ target }) => set({ enabled: target.checked })}
        />
        Enabled
      </label>
    </FormDialog>
  );
}

interface PartProps {
  readonly draft: Draft;
  readonly set: (changed: Partial<Draft>) => void;
}

function MailFields({ draft, set }: PartProps) {
  return (
    <>
      <Field
        label="Mail server"
        required
        autoCapitalize="none"
        value={draft.host}
        onChange={({ target }) => set({ host: target.value })}
      />
      <Field
        label="Port"
        type="number"
        min={1}
        max={65535}
        required
        value={draft.port}
        onChange={({ target }) => set({ port: target.value })}
      />
      <Choice
        label="Encryption"
        value={draft.security}
        names={securities}
        options={['starttls', 'tls', 'none']}
        onChange={(security) => set({ security })}
      />
      <Field
        label="Name at the server"
        autoComplete="off"
        autoCapitalize="none"
        hint="Left empty where it asks for none."
        value={draft.username}
        onChange={({ target }) => set({ username: target.value })}
      />
      <Field
        label="From"
        type="email"
        required
        value={draft.from}
        onChange={({ target }) => set({ from: target.value })}
      />
      <Field
        label="To"
        hint="Addresses, with commas between them."
        required
        value={draft.to}
        onChange={({ target }) => set({ to: target.value })}
      />
    </>
  );
}

function Subjects({ draft, set }: PartProps) {
  return (
    <fieldset className="choices">
      <legend>Told of (none ticked: everything)</legend>
      {notificationKindSchema.options.map((one) => (
        <label key={one}>
          <input
            type="checkbox"
            checked={draft.kinds.includes(one)}
            onChange={({ target }) =>
              set({
                kinds: target.checked ? [...draft.kinds, one] : draft.kinds.filter((other) => other !== one),
              })
            }
          />
          {subjectNames[one]}
        </label>
      ))}
    </fieldset>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly names: Readonly<Record<Value, string>>;
  readonly options: readonly Value[];
  readonly onChange: (value: Value) => void;
}

function Choice<Value extends string>({ label, value, names, options, onChange }: ChoiceProps<Value>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={({ target }) => onChange(options.find((one) => one === target.value) ?? value)}
      >
        {options.map((one) => (
          <option key={one} value={one}>
            {names[one]}
          </option>
        ))}
      </select>
    </div>
  );
}
