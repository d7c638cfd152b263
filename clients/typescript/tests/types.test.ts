// What does not fit the contract does not compile: each line of the fixtures that says
// `// refused` is an error for a strict compiler, and no other line is.

import ts from "typescript";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const fixtures = readdirSync(`${root}/tests/fixtures`).filter(name => /\.tsx?$/.test(name));

it.each(fixtures)("%s", name => {
  const file = `${root}tests/fixtures/${name}`;
  const config = ts.readConfigFile(`${root}/tsconfig.json`, path => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent({ ...config.config, include: [], files: [file] }, ts.sys, root);
  expect(options.strict).toBe(true);
  const program = ts.createProgram([file], { ...options, noUnusedLocals: false });
  const refused = ts.getPreEmitDiagnostics(program).map(({ file: at, start }) => {
    expect(at?.fileName).toBe(file);
    return at!.getLineAndCharacterOfPosition(start!).line + 1;
  });
  const wanted = readFileSync(file, "utf8").split("\n").flatMap((line, i) => (line.includes("// refused") ? [i + 1] : []));
  expect([...new Set(refused)].sort((a, b) => a - b)).toEqual(wanted);
}, 120_000);
