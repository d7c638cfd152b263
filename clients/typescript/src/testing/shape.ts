// Makes values of the form that the contract gives them: from what is known, else samples.

import type { Contract, FieldRule } from "../contract_types.js";

export type Members = Record<string, unknown>;

export interface Samples {
  uuid: () => string;
  now: () => Date;
}

/** A message: members of `known` that fit by name, and samples of what else is required. */
export function shape(contract: Contract, message: string, known: Members, samples: Samples): Members {
  const made: Members = {};
  const isReply = message.endsWith("Reply");
  for (const field of contract.messages[message] ?? []) {
    const value = known[field.name];
    if (value !== undefined && value !== null) made[field.name] = value;
    else if (field.repeated) {
      if (field.required || isReply) made[field.name] = [];
    } else if (field.required) {
      made[field.name] = sample(contract, field, known, samples);
    }
  }
  return made;
}

function sample(contract: Contract, field: FieldRule, known: Members, samples: Samples): unknown {
  if (field.type === "message") {
    // "room" is made of what is known of a room: its id may be called roomId
    const id = known[`${field.name}Id`];
    const inner = id === undefined ? known : { ...known, id };
    return shape(contract, field.message ?? "", inner, samples);
  }
  if (field.example !== undefined) return field.example;
  if (field.format === "uuid") return samples.uuid();
  if (field.format === "timestamp") return samples.now().toISOString();
  if (field.format === "url") return "https://example.com/";
  switch (field.type) {
    case "string":
      return "text".padEnd(field.minLength ?? 0, "-").slice(0, field.maxLength);
    case "boolean":
      return false;
    case "enum":
      return field.values?.[0];
    case "int64":
      return String(field.min ?? 0);
    case "json":
      return null;
    default:
      return Math.max(field.min ?? 0, 0);
  }
}
