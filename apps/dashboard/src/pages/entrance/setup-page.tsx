import { accessNameSchema, loginSchema, passwordSchema } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { setupQuery } from '../../api/queries.ts';
import { changeSession, useChange } from '../../api/session.ts';
import { Brand } from '../../ui/brand.tsx';
import { Field } from '../../ui/field.tsx';
import { Empty } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';

/** The first account. The token comes behind `#`, which no browser sends and no log keeps. */
export function SetupPage() {
  const setup = useQuery(setupQuery);
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  useEffect(() => {
    document.title = 'Set up · Tacet';
  }, []);
  return (
    <main className="entrance">
      <Brand />
      {setup.isError && <ProblemNote error={setup.error} onRetry={() => void setup.refetch()} />}
      {setup.data?.open === false && (
        <>
          <h1>This controller is set up</h1>
          <p>
            The link was good once. <Link href="/">Log in</Link>
          </p>
        </>
      )}
      {setup.data?.open === true && token === null && (
        <>
          <h1>The link is not whole</h1>
          <Empty title="The part behind # is missing.">
            <p>Copy the whole line that the controller printed when it started; its log has it.</p>
          </Empty>
        </>
      )}
      {setup.data?.open === true && token !== null && <FirstAccount token={token} />}
    </main>
  );
}

function FirstAccount({ token }: { token: string }) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [isTried, setTried] = useState(false);
  const create = useChange(loginSchema, (session) => {
    changeSession(client, session ?? null);
    navigate('/', { replace: true });
  });
  const wrongName = whyNot(accessNameSchema.safeParse(name));
  const wrongPassword = whyNot(passwordSchema.safeParse(password));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (wrongName === null && wrongPassword === null) {
      create.mutate({ path: '/setup', body: { token, name, password } });
    }
  };
  return (
    <form onSubmit={submit} className="entrance-form" noValidate>
      <h1>Set up Tacet</h1>
      <p className="quiet">
        The first account may do everything, and may make others. The link that brought you here ends with it.
      </p>
      <Field
        label="Name"
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        value={name}
        onChange={({ target }) => setName(target.value)}
        problem={isTried ? wrongName : null}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={({ target }) => setPassword(target.value)}
        hint="At least 12 characters: a few words will do."
        problem={isTried ? wrongPassword : null}
      />
      {create.isError && <ProblemNote error={create.error} />}
      <button type="submit" className="button button-main" disabled={create.isPending}>
        {create.isPending ? 'Setting up…' : 'Set up'}
      </button>
    </form>
  );
}

function whyNot(result: { success: boolean; error?: { issues: { message: string }[] } }): string | null {
  if (result.success) return null;
  const words = result.error?.issues[0]?.message ?? 'not valid';
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
