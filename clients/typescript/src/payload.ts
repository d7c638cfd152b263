// What is sent: a copy that every server can read. An edge ends the connection of who sends it
// anything else, and since the client comes back and sends it again, that would never end.

import { BelfryError } from "./errors.js";

/** Together with its event's name, an edge takes 64 KB. */
const BYTES_MAX = 60 * 1024;
/** 16 with what is around it. */
const DEPTH_MAX = 14;

export interface Packed {
  payload: unknown;
  bytes: number;
}

/** Later changes of the original do not show; half characters and NUL are replaced. */
export function pack(event: string, original: unknown): Packed {
  let text: string;
  try {
    text = JSON.stringify(original) ?? "{}";
  } catch (error) {
    throw new BelfryError({ event, code: "VALIDATION_ERROR", message: `The payload is no JSON: ${String(error)}` });
  }
  // stringify escapes nothing else as \udxxx: whole pairs it writes as they are
  text = text.replace(/\\(?:u(?:d[89a-f]..|0000)|.)/g, escape => (escape.length === 6 ? "\ufffd" : escape));
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > BYTES_MAX) {
    throw new BelfryError({ event, code: "PAYLOAD_TOO_LARGE", message: "Payload too large" });
  }
  const payload: unknown = JSON.parse(text);
  if (depth(payload) > DEPTH_MAX) {
    throw new BelfryError({ event, code: "VALIDATION_ERROR", message: "The payload is nested too deeply" });
  }
  return { payload, bytes };
}

function depth(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depth));
}

/** A change has one, so that sending it again has no second effect. */
export function withClientId(payload: unknown): unknown {
  if (typeof payload !== "object" || payload === null) return payload;
  return { ...payload, clientId: (payload as { clientId?: string }).clientId ?? uuid() };
}

/** Version 4. Browsers have `crypto` on all pages, `randomUUID` on secure ones; Node 18 neither. */
function uuid(): string {
  const crypto = globalThis.crypto as Crypto | undefined;
  if (typeof crypto?.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto?.getRandomValues(new Uint8Array(16)) ??
    Uint8Array.from({ length: 16 }, () => Math.random() * 256);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
