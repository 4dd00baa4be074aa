import type { ErrorCode, SignInProblem } from '@tacet/protocol';
import { Failure } from '../failure.ts';

const codes: Readonly<Record<SignInProblem, ErrorCode>> = {
  'provider-unreachable': 'not-ready',
  'provider-refused': 'unauthorized',
  'not-begun-here': 'unauthorized',
  'too-late': 'unauthorized',
  'not-proven': 'unauthorized',
  'no-role': 'forbidden',
  'too-many': 'too-many-requests',
};

/** Why nobody is signed in who came from an OpenID provider; the dashboard has words for each. */
export class SignInRefused extends Failure {
  readonly problem: SignInProblem;

  constructor(problem: SignInProblem, message: string) {
    super(codes[problem], message);
    this.problem = problem;
  }
}
