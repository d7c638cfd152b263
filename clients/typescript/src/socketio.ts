// A connection by socket.io-client. Connecting again is the client's, not the library's: it
// knows which token, which edge and when.

import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import type { Connector, Wire } from "./wire.js";

export function socketIo(options: Partial<ManagerOptions & SocketOptions> = {}): Connector {
  return (url, auth) =>
    io(url, {
      ...options,
      transports: ["websocket"],
      forceNew: true,
      reconnection: false,
      auth: give => auth(give),
    }) as unknown as Wire;
}
