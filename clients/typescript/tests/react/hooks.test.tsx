import { StrictMode, useState, version, type ReactNode } from "react";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BelfryError, type BelfryClient, type Message } from "@belfry/client";
import {
  useRoom, usePresence, useWebSocket, useWebSocketEvent, useWebSocketStatus, WebSocketProvider,
} from "@belfry/client/react";
import { createMockServer, MockedWebSocketProvider, type MockServer } from "@belfry/client/testing";

const ROOM = "0190c0de-0000-7000-8000-000000000001";
const STREAM = `room:${ROOM}`;
const opened: BelfryClient[] = [];
afterEach(() => act(() => opened.splice(0).forEach(client => client.close())));

const open = (server: MockServer, name = "alice") => {
  const client = server.client(name);
  opened.push(client);
  return client;
};
const say = (client: BelfryClient, content: string) => client.emit("SEND_MESSAGE", { roomId: ROOM, content });
const listens = (server: MockServer) => [...server.sessions].filter(({ subscriptions }) => subscriptions.has(STREAM)).length;
const shown = () => screen.queryAllByRole("listitem").map(item => item.textContent);

function Chat({ roomId = ROOM }: { roomId?: string }) {
  const { status, messages, typing, present, hasMore, loadOlder, send, error } = useRoom(roomId);
  return (
    <>
      <h1>{status}{error ? ` ${error.code}` : ""}</h1>
      <ul>{messages.map(message => <li key={message.id}>{message.deleted ? "(deleted)" : message.content}</li>)}</ul>
      <p>typing: {typing.map(({ username }) => username).join()}</p>
      <p>present: {present.map(({ username }) => username).join()}</p>
      {hasMore && <button onClick={() => void loadOlder()}>older</button>}
      <button onClick={() => void send("sent")}>send</button>
    </>
  );
}

const within = (client: BelfryClient, children: ReactNode) =>
  render(<WebSocketProvider client={client}>{children}</WebSocketProvider>);

it("runs with the React that it says", () => {
  expect(version.split(".")[0]).toBe(process.env["REACT_MAJOR"]);
});

describe("WebSocketProvider", () => {
  it("connects, and closes with its component", async () => {
    const server = createMockServer();
    function Who() {
      const client = useWebSocket();
      return <p>{`${useWebSocketStatus()} ${client.user?.username ?? ""}`}</p>;
    }
    const view = render(
      <StrictMode>
        <WebSocketProvider url="mock:" token="alice" connector={server.connector}><Who /></WebSocketProvider>
      </StrictMode>,
    );
    await waitFor(() => expect(screen.getByText("connected alice")).toBeInTheDocument());
    expect(server.sessions.size).toBe(1);
    view.unmount();
    await waitFor(() => expect(server.sessions.size).toBe(0));
  });

  it("is needed", () => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => render(<Chat />)).toThrow("WebSocketProvider");
    silent.mockRestore();
  });
});

describe("useWebSocketEvent", () => {
  it("calls the newest handler, from mount to unmount", async () => {
    const server = createMockServer();
    const client = open(server);
    const heard: string[] = [];
    function Listener() {
      const [count, setCount] = useState(0);
      useWebSocketEvent("MESSAGE_CREATED", ({ message }) => {
        heard.push(`${count} ${message.content}`);
        setCount(count + 1);
      });
      return <p>{count}</p>;
    }
    const view = within(client, <Listener />);
    await act(async () => {
      await client.emit("JOIN_ROOM", { roomId: ROOM });
      await say(client, "a");
    });
    await act(async () => void (await say(client, "b")));
    expect(heard).toEqual(["0 a", "1 b"]);
    view.unmount();
    await say(client, "c");
    expect(heard).toHaveLength(2);
  });
});

describe("useRoom", () => {
  it("joins, shows what was and what comes, in order, and leaves", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    for (const content of ["1", "2"]) await say(bob, content);
    const view = within(alice, <StrictMode><Chat /></StrictMode>);
    await waitFor(() => expect(shown()).toEqual(["1", "2"]));
    expect(screen.getByRole("heading")).toHaveTextContent("joined");
    await act(async () => void (await say(bob, "3")));
    fireEvent.click(screen.getByText("send"));
    await waitFor(() => expect(shown()).toEqual(["1", "2", "3", "sent"]));
    expect(listens(server)).toBe(1);
    view.unmount();
    await waitFor(() => expect(listens(server)).toBe(0));
    expect(server.calls.filter(({ event }) => event === "JOIN_ROOM")).toHaveLength(1);
  });

  it("joins under a provider of its own that React mounts twice", async () => {
    const server = createMockServer();
    await say(open(server, "bob"), "1");
    render(
      <StrictMode>
        <WebSocketProvider url="mock:" token="alice" connector={server.connector}><Chat /></WebSocketProvider>
      </StrictMode>,
    );
    await waitFor(() => expect(shown()).toEqual(["1"]));
    expect(screen.getByRole("heading")).toHaveTextContent("joined");
  });

  it("joins again when its client was closed and connects again", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    within(alice, <Chat />);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("joined"));
    await act(async () => void alice.close().connect());
    await waitFor(() => expect(listens(server)).toBe(1));
    await act(async () => void (await say(bob, "1")));
    await waitFor(() => expect(shown()).toEqual(["1"]));
  });

  it("is gone with its community, and back with it", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    const community = server.uuid();
    let member = true;
    server.handle("JOIN_ROOM", (_, { session }) => {
      if (!member) throw new BelfryError({ event: "JOIN_ROOM", code: "NOT_FOUND", message: "Room not found" });
      session.subscriptions.set(STREAM, server.log.seq(STREAM));
      return { room: { id: ROOM, communityId: community, name: "Room" }, seq: server.log.seq(STREAM), cursor: server.log.cursor(STREAM) } as never;
    });
    within(alice, <Chat />);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("joined"));
    const tell = (granted: boolean) => act(async () => {
      member = granted;
      if (!granted) for (const session of server.sessions) session.subscriptions.delete(STREAM);
      server.publish("ACCESS_CHANGED", { communityId: community, granted, reason: "kicked" }, { stream: `user:${alice.user!.id}` });
    });
    await tell(false);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("error NOT_FOUND"));
    await tell(true);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent(/^joined$/));
    await act(async () => void (await say(bob, "1")));
    await waitFor(() => expect(shown()).toEqual(["1"]));
  });

  it("that was left while its JOIN waits for the rate limit is not joined", async () => {
    const server = createMockServer();
    const alice = open(server);
    await act(async () => void (await alice.emit("LIST_SESSIONS")));
    server.refuse("JOIN_ROOM", "RATE_LIMITED", { times: 1, retryAfterMs: 300 });
    const view = within(alice, <Chat />);
    await waitFor(() => expect(server.calls.some(({ event }) => event === "JOIN_ROOM")).toBe(true));
    view.unmount();
    const other = server.uuid();
    await alice.emit("JOIN_ROOM", { roomId: other }); // goes when the pause is over
    expect(listens(server)).toBe(0);
    expect(alice.pending).toBe(0);
  });

  it("follows edits and deletions", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    within(alice, <Chat />);
    const sent: Message[] = [];
    for (const content of ["1", "2", "3"]) sent.push((await act(() => say(bob, content))).message);
    await waitFor(() => expect(shown()).toEqual(["1", "2", "3"]));
    await act(async () => {
      await bob.emit("EDIT_MESSAGE", { messageId: sent[1]!.id, content: "two" });
      await bob.emit("DELETE_MESSAGE", { messageId: sent[2]!.id });
    });
    await waitFor(() => expect(shown()).toEqual(["1", "two", "(deleted)"]));
  });

  it("keeps a change that overtakes the page that shows the message as it was", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    const { message } = await say(bob, "old");
    let release = () => {};
    const emit = alice.emit.bind(alice);
    alice.emit = (async (event: string, ...args: never[]) => {
      const reply = await (emit as (event: string, ...args: never[]) => Promise<unknown>)(event, ...args);
      if (event === "GET_HISTORY") await new Promise<void>(resolve => (release = resolve));
      return reply;
    }) as typeof alice.emit;
    within(alice, <Chat />);
    await waitFor(() => expect(server.calls.some(({ event }) => event === "GET_HISTORY")).toBe(true));
    await act(async () => void (await bob.emit("EDIT_MESSAGE", { messageId: message.id, content: "new" })));
    await act(async () => release());
    await waitFor(() => expect(shown()).toEqual(["new"]));
  });

  it("pages back", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    for (let i = 1; i <= 70; i++) await say(bob, `${i}`);
    within(alice, <Chat />);
    await waitFor(() => expect(shown()).toHaveLength(50));
    fireEvent.click(screen.getByText("older"));
    await waitFor(() => expect(shown()).toEqual(Array.from({ length: 70 }, (_, i) => `${i + 1}`)));
    expect(screen.queryByText("older")).toBeNull();
  });

  it("shows who types and who is there", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    within(alice, <Chat />);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("joined"));
    await act(async () => {
      await bob.emit("JOIN_ROOM", { roomId: ROOM });
      await bob.emit("TYPING_START", { roomId: ROOM });
    });
    await waitFor(() => expect(screen.getByText("typing: bob")).toBeInTheDocument());
    expect(screen.getByText("present: bob")).toBeInTheDocument();
    await act(async () => void (await say(bob, "done")));
    await waitFor(() => expect(screen.getByText("typing:")).toBeInTheDocument());
    await act(async () => void (await bob.emit("LEAVE_ROOM", { roomId: ROOM })));
    await waitFor(() => expect(screen.getByText("present:")).toBeInTheDocument());
  });

  it("misses nothing over a lost connection, and reads anew what cannot be resumed", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    within(alice, <Chat />);
    await act(async () => void (await say(bob, "1")));
    await waitFor(() => expect(shown()).toEqual(["1"]));
    await act(async () => {
      server.cut("alice");
      await say(bob, "2");
    });
    await waitFor(() => expect(shown()).toEqual(["1", "2"]));
    const before = server.calls.filter(({ event }) => event === "GET_HISTORY").length;
    await act(async () => {
      server.cut("alice");
      await say(bob, "3");
      server.log.restart();
    });
    await waitFor(() => expect(shown()).toEqual(["1", "2", "3"]));
    expect(server.calls.filter(({ event }) => event === "GET_HISTORY").length).toBe(before + 1);
  });

  it("is shared by the components that show the same room", async () => {
    const server = createMockServer();
    const client = open(server);
    const view = within(client, <><Chat /><Chat /></>);
    await waitFor(() => expect(screen.getAllByText("joined")).toHaveLength(2));
    view.rerender(<WebSocketProvider client={client}><Chat /></WebSocketProvider>);
    await client.emit("GET_HISTORY", { roomId: ROOM });
    expect(listens(server)).toBe(1);
    expect(server.calls.filter(({ event }) => event === "JOIN_ROOM")).toHaveLength(1);
    view.rerender(<WebSocketProvider client={client}><p>none</p></WebSocketProvider>);
    await waitFor(() => expect(listens(server)).toBe(0));
  });

  it("says why a room cannot be joined", async () => {
    const server = createMockServer();
    server.refuse("JOIN_ROOM", "NOT_FOUND");
    within(open(server), <Chat />);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("error NOT_FOUND"));
  });
});

describe("usePresence", () => {
  function Light({ userId }: { userId: string }) {
    const presence = usePresence([userId]).get(userId);
    return <p>{`${presence?.status ?? "unknown"} ${presence?.text ?? ""}`}</p>;
  }

  it("asks, follows, and asks again after a lost connection", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    await act(async () => void (await bob.emit("LIST_SESSIONS")));
    within(alice, <Light userId={server.user("bob").id} />);
    await waitFor(() => expect(screen.getByText("ONLINE")).toBeInTheDocument());
    await act(async () => void (await bob.emit("SET_PRESENCE", { status: "IDLE", text: "lunch" })));
    await waitFor(() => expect(screen.getByText("IDLE lunch")).toBeInTheDocument());
    await act(async () => {
      server.cut("alice");
      await bob.emit("SET_PRESENCE", { status: "INVISIBLE" });
    });
    await waitFor(() => expect(screen.getByText("OFFLINE")).toBeInTheDocument());
  });
});

describe("MockedWebSocketProvider", () => {
  it("answers with what mockEmit returns, else in the contract's form", async () => {
    const seen: unknown[] = [];
    function Caller() {
      const client = useWebSocket();
      return <button onClick={() => {
        void client.emit("LIST_ROOMS", { communityId: ROOM }).then(reply => seen.push(reply.rooms));
        client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" }).then(
          ({ message }) => seen.push(message.content),
          (error: unknown) => seen.push(error),
        );
      }}>call</button>;
    }
    const mockEmit = vi.fn();
    render(<MockedWebSocketProvider mockEmit={mockEmit}><Caller /></MockedWebSocketProvider>);
    fireEvent.click(screen.getByText("call"));
    await waitFor(() => expect(seen).toHaveLength(2));
    expect(seen).toEqual([[], "x"]);
    const refusal = new BelfryError({ event: "SEND_MESSAGE", code: "PERMISSION_DENIED", message: "no" });
    mockEmit.mockImplementation((event: string) => (event === "SEND_MESSAGE" ? refusal : { rooms: ["r"] }));
    fireEvent.click(screen.getByText("call"));
    await waitFor(() => expect(seen).toHaveLength(4));
    expect(seen.slice(2)).toEqual(expect.arrayContaining([["r"], refusal]));
  });

  it("carries whole components", async () => {
    render(<MockedWebSocketProvider><Chat /></MockedWebSocketProvider>);
    await waitFor(() => expect(screen.getByRole("heading")).toHaveTextContent("joined"));
    MockedWebSocketProvider.emitEvent("USER_TYPING", { roomId: ROOM, userId: ROOM, username: "bob", isTyping: true });
    expect(screen.getByText("typing: bob")).toBeInTheDocument();
  });
});
