import { type ApiToken, madeApiTokenSchema, type Role } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { tokensQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { dateTimeOf } from '../../model/numbers.ts';
import { Answer } from '../../ui/answer.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Ago } from '../../ui/moment.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { Remove, RoleSelect } from './accounts.tsx';

const dayMs = 86_400_000;

export function Tokens() {
  const tokens = useQuery(tokensQuery);
  const [isMaking, setMaking] = useState(false);
  const [removing, setRemoving] = useState<ApiToken | null>(null);
  return (
    <Panel
      title="API tokens"
      aside={
        <button type="button" className="button" onClick={() => setMaking(true)}>
          Make a token
        </button>
      }
    >
      <Answer query={tokens} lines={3}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="No program has a token." />
          ) : (
            <ul className="rows">
              {list.map((token) => (
                <li key={token.name} className="row">
                  <p>
                    <strong>{token.name}</strong> <span className="quiet">{token.role}</span>
                    <br />
                    <span className="quiet small">
                      {token.expiresAt === null
                        ? 'good until removed'
                        : `good until ${dateTimeOf(token.expiresAt)}`}
                      {token.lastUsedAt === null ? (
                        ', never used'
                      ) : (
                        <>
                          , used <Ago at={token.lastUsedAt} />
                        </>
                      )}
                    </span>
                  </p>
                  <button type="button" className="button" onClick={() => setRemoving(token)}>
                    Remove<span className="sr"> the token {token.name}</span>
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
      {isMaking && <MakeToken onClose={() => setMaking(false)} />}
      {removing !== null && (
        <Remove
          title={`Remove the token ${removing.name}`}
          words="Whatever uses it is refused from now on."
          path={`/tokens/${encodeURIComponent(removing.name)}`}
          queryKey={tokensQuery.queryKey}
          onClose={() => setRemoving(null)}
        />
      )}
    </Panel>
  );
}

function MakeToken({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [days, setDays] = useState('90');
  const make = useChange(madeApiTokenSchema, () =>
    client.invalidateQueries({ queryKey: tokensQuery.queryKey }),
  );
  if (make.data !== undefined) {
    return (
      <Dialog title={`The token ${make.data.name}`} onClose={onClose}>
        <p>This is the only time that it is shown:</p>
        <pre className="command mono" tabIndex={0}>
          {make.data.secret}
        </pre>
        <p>
          <CopyButton text={make.data.secret} />
        </p>
        <DialogEnd onClose={onClose} word="Close" />
      </Dialog>
    );
  }
  const submit = (): void => {
    const expiresAt = days === '' ? null : Date.now() + Number(days) * dayMs;
    make.mutate({ path: '/tokens', body: { name, role, expiresAt } });
  };
  return (
    <FormDialog title="Make a token" change={make} word="Make it" onSubmit={submit} onClose={onClose}>
      <Field
        label="Name"
        autoComplete="off"
        autoCapitalize="none"
        hint="What will use it."
        required
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <RoleSelect value={role} onRole={setRole} />
      <Field
        label="Good for how many days"
        type="number"
        min={1}
        max={3650}
        hint="Left empty: until it is removed."
        value={days}
        onChange={({ target }) => setDays(target.value)}
      />
    </FormDialog>
  );
}
