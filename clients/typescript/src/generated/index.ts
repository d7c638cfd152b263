// Made by belfry-gen from proto/events: do not edit.
export * from "./enums.js";
export * from "./events.js";
export type * from "./auth.js";
export type * from "./community.js";
export type * from "./messages.js";
export type * from "./presence.js";
export type * from "./rooms.js";
