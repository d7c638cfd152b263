// The form of the contract's table (generated/contract.ts).

export interface FieldRule {
  name: string;
  type:
    | "string" | "boolean" | "number" | "int32" | "uint32" | "integer" | "enum" | "message"
    /** 64 bits, written as a string */
    | "int64"
    /** any JSON value */
    | "json";
  repeated?: true;
  required?: true;
  /** characters, as people count code points */
  minLength?: number;
  maxLength?: number;
  min?: number;
  max?: number;
  minItems?: number;
  maxItems?: number;
  format?: "uuid" | "timestamp" | "url";
  /** a POSIX extended regular expression, for the whole text */
  pattern?: string;
  /** something of it can be seen */
  visible?: true;
  message?: string;
  values?: readonly string[];
  example?: unknown;
}

export interface ClientEventRule {
  kind: "read" | "change" | "ephemeral";
  /** keys of `messages` */
  payload: string;
  reply: string;
  namespace: string;
  payloadMax: number;
  rate: { limit: number; perSeconds: number };
  resource?: { type: string; idKey: string };
  /** the payload may be one string, which becomes this member */
  textPayload?: string;
  /** the member that names a room which the session must listen to */
  subscribed?: string;
  planned?: true;
  causes: readonly string[];
}

export interface ServerEventRule {
  scope: string;
  payload: string;
  durable?: true;
  exceptSender?: true;
  planned?: true;
}

export interface Contract {
  messages: Record<string, readonly FieldRule[]>;
  client: Record<string, ClientEventRule>;
  server: Record<string, ServerEventRule>;
}
