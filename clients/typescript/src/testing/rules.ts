// Holds a payload against the contract, in the words that the server uses.

import type { Contract, FieldRule } from "../contract_types.js";
import type { Violation } from "../errors.js";

const VIOLATIONS_MAX = 20;
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const INT64 = /^(0|-?[1-9]\d{0,18})$/;
/** White space, controls, and what has no ink. */
const UNSEEN = /^[\s\p{Z}\p{C}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]*$/u;
const RANGES: Record<string, [number, number]> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  integer: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** Everything that is broken, at most 20. */
export function check(contract: Contract, message: string, value: unknown): Violation[] {
  const found: Violation[] = [];
  const broken = (path: string, rule: string, text: string) => {
    if (found.length < VIOLATIONS_MAX) found.push({ path, rule, message: text });
  };
  checkMessage(contract, message, value, "", broken);
  return found;
}

type Broken = (path: string, rule: string, message: string) => void;

function checkMessage(contract: Contract, name: string, value: unknown, path: string, broken: Broken): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    broken(path, path === "" ? "malformed" : "type", path === "" ? "must be a JSON object" : "must be an object");
    return;
  }
  const fields = contract.messages[name] ?? [];
  const members = value as Record<string, unknown>;
  for (const key of Object.keys(members)) {
    if (!fields.some(field => field.name === key)) broken(join(path, key), "unknown_field", "is not known");
  }
  for (const field of fields) checkField(contract, field, members[field.name], join(path, field.name), broken);
}

function checkField(contract: Contract, field: FieldRule, value: unknown, path: string, broken: Broken): void {
  const absent = value === undefined || value === null || (field.repeated && Array.isArray(value) && value.length === 0);
  if (absent) {
    if (field.required) broken(path, "required", "is required");
  } else if (!field.repeated) {
    checkValue(contract, field, value, path, broken);
  } else if (!Array.isArray(value)) {
    broken(path, "type", "must be a list");
  } else if (field.maxItems !== undefined && value.length > field.maxItems) {
    broken(path, "max_items", `must not have more than ${field.maxItems} items`);
  } else {
    if (value.length < (field.minItems ?? 0)) broken(path, "min_items", `must have at least ${field.minItems} items`);
    value.forEach((item, i) => checkValue(contract, field, item, `${path}[${i}]`, broken));
  }
}

function checkValue(contract: Contract, field: FieldRule, value: unknown, path: string, broken: Broken): void {
  switch (field.type) {
    case "json":
      return;
    case "message":
      checkMessage(contract, field.message ?? "", value, path, broken);
      return;
    case "enum":
      if (!field.values?.includes(value as string)) broken(path, "enum", "is not a known value");
      return;
    case "boolean":
      if (typeof value !== "boolean") broken(path, "type", "must be true or false");
      return;
    case "string":
      if (typeof value !== "string") broken(path, "type", "must be a string");
      else checkText(field, value, path, broken);
      return;
    case "int64":
      if (typeof value !== "string" || !INT64.test(value)) {
        broken(path, "type", "must be an integer, written as a string");
      } else {
        checkNumber(field, Number(value), path, broken);
      }
      return;
    default:
      if (typeof value !== "number" || !fitsNumber(field.type, value)) broken(path, "type", "must be a number");
      else checkNumber(field, value, path, broken);
  }
}

function fitsNumber(type: string, value: number): boolean {
  const range = RANGES[type];
  return range ? Number.isInteger(value) && value >= range[0] && value <= range[1] : Number.isFinite(value);
}

function checkNumber({ min, max }: FieldRule, value: number, path: string, broken: Broken): void {
  if (min !== undefined && value < min) broken(path, "min", `must be at least ${min}`);
  else if (max !== undefined && value > max) broken(path, "max", `must be at most ${max}`);
}

function checkText(field: FieldRule, text: string, path: string, broken: Broken): void {
  if (field.format) {
    if (!hasFormat(field.format, text)) broken(path, "format", `must be a ${field.format}`);
    return;
  }
  const length = [...text].length;
  if (length < (field.minLength ?? 0)) {
    broken(path, "min_length", `must have at least ${field.minLength} characters`);
  } else if (field.maxLength !== undefined && length > field.maxLength) {
    broken(path, "max_length", `must not have more than ${field.maxLength} characters, but has ${length}`);
  } else {
    if (field.visible && UNSEEN.test(text)) broken(path, "visible", "must have something that can be seen");
    if (field.pattern !== undefined && !pattern(field.pattern).test(text)) {
      broken(path, "pattern", "does not have the right form");
    }
  }
}

function hasFormat(format: "uuid" | "timestamp" | "url", text: string): boolean {
  if (format === "uuid") return UUID.test(text);
  if (format === "timestamp") return TIMESTAMP.test(text) && !Number.isNaN(Date.parse(text));
  return /^https?:\/\/[^\s/]+/i.test(text) && URL.canParse(text);
}

/** POSIX extended to JavaScript: they differ in the names of classes. */
function pattern(posix: string): RegExp {
  const classes: Record<string, string> = {
    alpha: "A-Za-z", digit: "0-9", alnum: "A-Za-z0-9", upper: "A-Z", lower: "a-z", xdigit: "0-9A-Fa-f", space: "\\s",
  };
  const source = posix.replace(/\[:(\w+):\]/g, (all, name: string) => classes[name] ?? all);
  return new RegExp(`^(?:${source})$`);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
