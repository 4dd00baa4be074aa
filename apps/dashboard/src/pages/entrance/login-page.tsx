import { loginSchema } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { setupQuery } from '../../api/queries.ts';
import { changeSession, useChange } from '../../api/session.ts';
import { Brand } from '../../ui/brand.tsx';
import { Field } from '../../ui/field.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { ThemeSwitch } from '../../ui/theme-switch.tsx';
import { ProviderLogin } from './provider-login.tsx';

export function LoginPage() {
  const client = useQueryClient();
  const { data: setup } = useQuery(setupQuery);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const login = useChange(loginSchema, (session) => changeSession(client, session ?? null));
  useEffect(() => {
    document.title = 'Log in · Tacet';
  }, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    login.mutate({ path: '/session', body: { name: name.trim(), password } });
  };
  return (
    <main className="entrance">
      <Brand />
      <form onSubmit={submit} className="entrance-form">
        <h1>Log in</h1>
        {setup?.open === true && (
          <div className="note">
            <p>
              Nobody has an account here yet. Open the one-time link that the controller printed when it
              started; its log has it.
            </p>
          </div>
        )}
        <Field
          label="Name"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          required
          value={name}
          onChange={({ target }) => setName(target.value)}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={({ target }) => setPassword(target.value)}
        />
        {login.isError && <ProblemNote error={login.error} />}
        <button type="submit" className="button button-main" disabled={login.isPending}>
          {login.isPending ? 'Logging in…' : 'Log in'}
        </button>
        {setup?.provider !== undefined && <ProviderLogin provider={setup.provider} />}
      </form>
      <ThemeSwitch />
    </main>
  );
}
