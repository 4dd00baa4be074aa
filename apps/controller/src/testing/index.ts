export { ApiClient } from './api-client.ts';
export { enrolAgent } from './enrol-agent.ts';
export { Browser, type Page } from './browser.ts';
export { FakeAgent, type FakeAgentOptions, fakeIncarnation, fakeStatus } from './fake-agent.ts';
export { FakeQuiesce } from './fake-quiesce.ts';
