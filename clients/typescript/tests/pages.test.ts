// What the pages of docs/events show in TypeScript compiles, strictly, against this package,
// and the types that they print are the package's. All blocks are one program, each a module
// of its own; a mistake is told with the page's line.

import ts from "typescript";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}../../docs/events`;
const pages = readdirSync(folder).filter(name => name.endsWith(".md") && name !== "README.md");
const text = (page: string) => readFileSync(`${folder}/${page}`, "utf8");

/** What a block may use without saying where it comes from. */
const around = `
import type { BelfryClient, PlannedClientPayloads, PlannedClientReplies, PlannedServerPayloads } from "@belfry/client";
declare global {
  const token: string;
  const socket: BelfryClient;
  const roomId: string;
  type Same<Name, A, B> = [A] extends [B] ? ([B] extends [A] ? true : Name) : Name;
}
// planned events are shown as they will be; today the client refuses them
declare module "../../src/generated/events.js" {
  interface ClientPayloads extends PlannedClientPayloads {}
  interface ClientReplies extends PlannedClientReplies {}
  interface ServerPayloads extends PlannedServerPayloads {}
}
`;

interface Block {
  file: string;
  module: string;
}

/** Lines before a block stay as empty ones, so that lines are those of the page. */
function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let begin = -1;
  const lines = text(page).split("\n");
  lines.forEach((line, i) => {
    if (/^```(ts|tsx|typescript)$/.test(line)) begin = i;
    if (line !== "```" || begin < 0) return;
    const code = lines.slice(begin + 1, i).join("\n");
    const module = "\n".repeat(begin + 1) + code + sameTypes(code) + "\nexport {};\n";
    blocks.push({ file: `${root}tests/pages/${page}.${begin + 2}.tsx`, module });
    begin = -1;
  });
  return blocks;
}

/** That each printed type is the one that the package exports. */
function sameTypes(code: string): string {
  return [...code.matchAll(/^(?:interface|type) (\w+) (\{\}$)?/gm)]
    .map(([, name, empty]) => {
      const own = name === "WebSocketError" ? "ErrorPayload" : name;
      const printed = empty ? "Record<string, never>" : name; // a page says it as people write it
      return ` ((same: Same<"${own}", ${printed}, import("@belfry/client").${own}>) => same)(true);`;
    })
    .join("");
}

function compile(blocks: Block[]): string[] {
  const files = new Map(blocks.map(({ file, module }) => [file, module]));
  files.set(`${root}tests/pages/around.ts`, around);
  const config = ts.readConfigFile(`${root}tsconfig.json`, path => ts.sys.readFile(path));
  const parsed = ts.parseJsonConfigFileContent({ ...config.config, include: [], files: ["-"] }, ts.sys, root);
  // a block declares what its reader goes on to use
  const options = { ...parsed.options, noUnusedLocals: false, noUnusedParameters: false };
  expect(options.strict).toBe(true);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = name => files.has(name) || fileExists(name);
  host.readFile = name => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const module = files.get(name);
    return module === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, module, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  // the package's own files are what `npm run check` looks at
  return program.getSourceFiles().filter(({ fileName }) => files.has(fileName)).flatMap(source =>
    ts.getPreEmitDiagnostics(program, source).map(({ start, messageText }) => {
      const page = source.fileName.replace(/^.*\/tests\/pages\/(\w+\.md)\..*$/, "docs/events/$1");
      const line = source.getLineAndCharacterOfPosition(start ?? 0).line + 1;
      return `${page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    }));
}

describe("docs/events", () => {
  let mistakes: string[];
  beforeAll(() => {
    mistakes = compile(pages.flatMap(blocksOf));
  }, 240_000);

  it.each(pages)("%s: its TypeScript compiles", page => {
    const count = blocksOf(page).length;
    const found = mistakes.filter(mistake => mistake.startsWith(`docs/events/${page}:`));
    console.log(`docs/events/${page}: ${count} blocks, ${found.length} mistakes`);
    expect(count).toBeGreaterThan(20);
    expect(found).toEqual([]);
  });

  it("has no mistake of this test's own", () => {
    expect(mistakes.filter(mistake => !mistake.startsWith("docs/events/"))).toEqual([]);
  });
});
