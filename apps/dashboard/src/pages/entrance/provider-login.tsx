import { type SignInProblem, signInProblemSchema } from '@tacet/protocol';

const words: Readonly<Record<SignInProblem, (provider: string) => string>> = {
  'provider-unreachable': (provider) =>
    `${provider} does not answer. Log in with a password, or try again later; the controller’s log says more.`,
  'provider-refused': (provider) => `${provider} did not let you through to here.`,
  'not-begun-here': () => 'That login was not begun in this browser, or its cookie is gone. Begin again.',
  'too-late': () => 'That login took too long, or was used already. Begin again.',
  'not-proven': (provider) =>
    `What ${provider} answered does not hold. Begin again; if it stays so, the controller’s log says what is wrong.`,
  'no-role': (provider) =>
    `${provider} knows you, but none of your groups has a role here. Ask an admin of this controller.`,
  'too-many': () => 'Too many logins from your address have failed. Wait a while, and begin again.',
};

/** The way in through an OpenID provider, and what came of the last try. */
export function ProviderLogin({ provider }: { provider: string }) {
  const problem = signInProblemSchema.safeParse(new URLSearchParams(location.search).get('sign-in')).data;
  return (
    <>
      {problem !== undefined && (
        <div className="note" role="alert">
          <p>{words[problem](provider)}</p>
        </div>
      )}
      <a className="button" href="/api/v1/session/oidc">
        Log in with {provider}
      </a>
    </>
  );
}
