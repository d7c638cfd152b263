// A provider for tests of components:
//
//   render(<MockedWebSocketProvider mockEmit={mockEmit}><Chat /></MockedWebSocketProvider>);
//   MockedWebSocketProvider.emitEvent(ServerEvents.MESSAGE_CREATED, { message });
//   expect(mockEmit).toHaveBeenCalledWith(ClientEvents.SEND_MESSAGE, { roomId, content });

import * as React from "react";
import { flushSync } from "react-dom";
import { WebSocketContext } from "../react/context.js";
import type { ServerEvent } from "../types.js";
import { asClient, MockClient, type MockEmit, type MockPayload } from "./mock_client.js";

const mounted = new Set<MockClient>();

export interface MockedWebSocketProviderProps {
  /** Called with each event and payload that a component emits; what it returns is the reply. */
  mockEmit?: MockEmit;
  children?: React.ReactNode;
}

/** Gives the components below a client without a server. */
export function MockedWebSocketProvider({ mockEmit, children }: MockedWebSocketProviderProps): React.ReactNode {
  const newest = React.useRef(mockEmit);
  newest.current = mockEmit;
  const [client] = React.useState(() => new MockClient(() => newest.current));
  React.useEffect(() => {
    mounted.add(client);
    return () => void mounted.delete(client);
  }, [client]);
  return React.createElement(WebSocketContext.Provider, { value: asClient(client) }, children);
}

/** Every mounted provider receives the event; what components show follows before it returns. */
MockedWebSocketProvider.emitEvent = function emitEvent<E extends ServerEvent>(
  event: E,
  payload: MockPayload<E>,
): void {
  settled(() => {
    for (const client of mounted) client.receive(event, payload as Record<string, unknown>);
  });
};

/** Under another name, as many tests import it. */
export const MockedProvider = MockedWebSocketProvider;

function settled(change: () => void): void {
  const { act } = React as { act?: (change: () => void) => void };
  const inTest = (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT;
  if (act && inTest) act(change);
  else flushSync(change);
}
