// The example of the team's own template, with its blanks filled in and nothing else changed:
// imports, `jest.fn`, the provider's name, an event without act() around it.

import { useState } from 'react';
import { expect, test } from 'vitest';
import { render, screen } from '@testing-library/react';
import { useWebSocket } from '@/hooks/useWebSocket';
import { useWebSocketEvent } from '@/hooks/useWebSocketEvent';
import { ClientEvents, ServerEvents } from '@/types/websocket/events';
import type { MessageCreatedPayload, SendMessagePayload } from '@/types/websocket/events';
import { MockedProvider } from '@/test-utils/MockedWebSocketProvider';

const exampleData = { roomId: '0190c0de-0000-7000-8000-000000000001', content: 'Hello' };
const testPayload = {
  message: {
    id: '0190c0de-0000-7000-8000-000000000002',
    roomId: exampleData.roomId,
    authorId: '0190c0de-0000-7000-8000-000000000003',
    authorName: 'bob',
    content: 'Good morning',
    seq: 1,
    createdAt: '2026-01-02T03:04:05.678Z',
  },
};

function SendButton() {
  const socket = useWebSocket();

  const handleSend = (data: SendMessagePayload) => {
    socket.emit(ClientEvents.SEND_MESSAGE, data);
  };

  return (
    <button onClick={() => handleSend(exampleData)}>
      Send
    </button>
  );
}

function LastMessage() {
  const [text, setText] = useState('nothing yet');

  useWebSocketEvent(ServerEvents.MESSAGE_CREATED, (data: MessageCreatedPayload) => {
    setText(data.message.content);
  });

  return (
    <p>{text}</p>
  );
}

test('should handle MESSAGE_CREATED', async () => {
  const mockEmit = jest.fn();
  
  render(
    <MockedProvider mockEmit={mockEmit}>
      <LastMessage />
    </MockedProvider>
  );
  
  // Simulate server event
  MockedProvider.emitEvent(ServerEvents.MESSAGE_CREATED, testPayload);
  
  // Assert UI updates
  expect(screen.getByText('Good morning')).toBeInTheDocument();
});

test('should send SEND_MESSAGE', async () => {
  const mockEmit = jest.fn();

  render(
    <MockedProvider mockEmit={mockEmit}>
      <SendButton />
    </MockedProvider>
  );

  screen.getByText('Send').click();

  expect(mockEmit).toHaveBeenCalledWith(ClientEvents.SEND_MESSAGE, exampleData);
});

test('Monitor events in development', async () => {
  const seen: unknown[] = [];
  function Monitor() {
    const socket = useWebSocket();
    useState(() => {
      socket.onAny((eventName, ...args) => {
        seen.push(eventName, args);
      });
    });
    return null;
  }
  render(<MockedProvider><Monitor /></MockedProvider>);
  MockedProvider.emitEvent(ServerEvents.MESSAGE_CREATED, testPayload);
  expect(seen).toEqual(['MESSAGE_CREATED', [expect.objectContaining({ ...testPayload, seq: 1 })]]);
});
