// The client in node: each line that comes in is an expression, its value goes out as
// a line of JSON.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { runInThisContext } from "node:vm";
import { io } from "socket.io-client";

globalThis.io = io;
globalThis.origin = process.argv[2];
runInThisContext(readFileSync(new URL("scenarios.js", import.meta.url), "utf8"));

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: await runInThisContext(line) };
  } catch (err) {
    answer = { error: String(err?.stack ?? err) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
