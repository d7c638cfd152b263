// @belfry/client/testing: for tests of what uses the client.

export { MockedProvider, MockedWebSocketProvider } from "./mocked_provider.js";
export type { MockedWebSocketProviderProps } from "./mocked_provider.js";
export type { MockEmit, MockPayload } from "./mock_client.js";
export { createMockServer, MockServer } from "./mock_server.js";
export type { MockCall, MockServerOptions } from "./mock_server.js";
export type { Handler, HandlerContext } from "./mock_handlers.js";
export type { MockSession, MockUser } from "./mock_session.js";
export { check } from "./rules.js";
export { contract } from "../generated/contract.js";
export type * from "../contract_types.js";
