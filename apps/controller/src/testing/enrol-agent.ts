import {
  decodeEnrolmentToken,
  enrolmentSchema,
  enrolResponseSchema,
  type Incarnation,
} from '@tacet/protocol';
import { ApiClient } from './api-client.ts';

/** Asks for a token as an operator does, and trades it in as the guest's agent does. @returns its credential */
export async function enrolAgent(
  operator: ApiClient,
  vmid: number,
  incarnation: Incarnation,
  agentVersion = '0.0.0',
): Promise<string> {
  const { token } = await operator.expect(enrolmentSchema, 'POST', `/api/v1/guests/${vmid}/enrolments`);
  const { url, secret } = decodeEnrolmentToken(token);
  const body = { secret, agentVersion, incarnation };
  const agent = new ApiClient(url);
  return (await agent.expect(enrolResponseSchema, 'POST', '/api/v1/agents/enroll', body)).credential;
}
