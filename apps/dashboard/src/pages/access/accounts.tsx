import { type Account, accountSchema, type Role, roleSchema } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { accountsQuery, sessionQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { Answer } from '../../ui/answer.tsx';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Ago } from '../../ui/moment.tsx';
import { Panel } from '../../ui/panel.tsx';

export const roleWords: Record<Role, string> = {
  viewer: 'viewer: looks',
  operator: 'operator: backs up, restores, enrols',
  admin: 'admin: decides who may',
};

export function RoleSelect({ value, onRole }: { value: Role; onRole: (role: Role) => void }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>Role</label>
      <select
        id={id}
        value={value}
        onChange={({ target }) => onRole(roleSchema.options.find((one) => one === target.value) ?? 'viewer')}
      >
        {roleSchema.options.map((role) => (
          <option key={role} value={role}>
            {roleWords[role]}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Accounts() {
  const accounts = useQuery(accountsQuery);
  const { data: session } = useQuery(sessionQuery);
  const [isAdding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Account | null>(null);
  return (
    <Panel
      title="Accounts"
      aside={
        <button type="button" className="button" onClick={() => setAdding(true)}>
          Add an account
        </button>
      }
    >
      <Answer query={accounts} lines={3}>
        {(list) => (
          <ul className="rows">
            {list.map((account) => (
              <li key={account.name} className="row">
                <p>
                  <strong>{account.name}</strong> <span className="quiet">{account.role}</span>
                  <br />
                  <span className="quiet small">
                    {account.lastLoginAt === null ? (
                      'never logged in'
                    ) : (
                      <>
                        last login <Ago at={account.lastLoginAt} />
                      </>
                    )}
                  </span>
                </p>
                {account.name === session?.account.name ? (
                  <span className="quiet">you</span>
                ) : (
                  <button type="button" className="button" onClick={() => setRemoving(account)}>
                    Remove<span className="sr"> the account {account.name}</span>
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Answer>
      {isAdding && <AddAccount onClose={() => setAdding(false)} />}
      {removing !== null && (
        <Remove
          title={`Remove the account ${removing.name}`}
          words="Whoever is logged in with it is logged out at once. What it did stays in the audit."
          path={`/accounts/${encodeURIComponent(removing.name)}`}
          queryKey={accountsQuery.queryKey}
          onClose={() => setRemoving(null)}
        />
      )}
    </Panel>
  );
}

function AddAccount({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const add = useChange(accountSchema, async () => {
    await client.invalidateQueries({ queryKey: accountsQuery.queryKey });
    onClose();
  });
  return (
    <FormDialog
      title="Add an account"
      change={add}
      word="Add"
      onSubmit={() => add.mutate({ path: '/accounts', body: { name, role, password } })}
      onClose={onClose}
    >
      <Field
        label="Name"
        autoComplete="off"
        autoCapitalize="none"
        required
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        required
        minLength={12}
        hint="At least 12 characters: a few words will do. It can be changed after the first login."
        value={password}
        onChange={({ target }) => setPassword(target.value)}
      />
      <RoleSelect value={role} onRole={setRole} />
    </FormDialog>
  );
}

interface RemoveProps {
  readonly title: string;
  readonly words: string;
  readonly path: string;
  /** Of the list that it is in. */
  readonly queryKey: readonly unknown[];
  readonly onClose: () => void;
}

/** Says what goes with it, and removes it. */
export function Remove({ title, words, path, queryKey, onClose }: RemoveProps) {
  const client = useQueryClient();
  const remove = useChange(null, async () => {
    await client.invalidateQueries({ queryKey });
    onClose();
  });
  return (
    <FormDialog
      title={title}
      change={remove}
      word="Remove"
      onSubmit={() => remove.mutate({ method: 'DELETE', path })}
      onClose={onClose}
    >
      <p>{words}</p>
    </FormDialog>
  );
}
