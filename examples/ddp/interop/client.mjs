// The npm package ddp against the server on the port that is given: says a line for
// each step, and fails at the first that is wrong. At "restart" it waits for a line,
// and the server is another one from then on.
import assert from "node:assert/strict";
import { once } from "node:events";
import DDPClient from "ddp";

const port = Number(process.argv[2]);
const say = line => process.stdout.write(line + "\n");

const dial = options => new Promise((resolve, reject) => {
  const client = new DDPClient({ host: "127.0.0.1", port, autoReconnectTimer: 50, ...options });
  client.connect(err => err ? reject(err) : resolve(client));
});
const call = (client, method, ...params) => new Promise((resolve, reject) => {
  let result;
  let answered = false;
  client.call(method, params,
    (err, value) => { if (err) reject(err); answered = true; result = value; },
    () => answered ? resolve(result) : reject(new Error("updated before the result")));
});
const subscribe = (client, name) => new Promise((resolve, reject) => {
  const id = client.subscribe(name, [], err => err ? reject(err) : resolve(id));
});
const until = async (what, condition) => {
  for (let i = 0; !condition(); i++) {
    if (i > 500) throw new Error(`not within 5 seconds: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
};

// Versions.
for (const version of ["1", "pre2", "pre1"]) {
  const client = await dial({ ddpVersion: version });
  assert.equal(client.ddpVersion, version);
  assert.ok(client.session, "there is a session");
  client.close();
}
say("versions");

// A version from the future: the server names one that both know, and the client comes
// back with it.
const future = await dial({ ddpVersion: "2" });
assert.equal(future.ddpVersion, "1");
future.close();
say("negotiated");

// Methods, and EJSON through them.
const ada = await dial();
const date = new Date(1700000000123), bytes = Uint8Array.of(0, 1, 254, 255);
const echoed = await call(ada, "echo", 1, "Grüße, 世界", null, { a: [true] }, date, bytes);
assert.deepEqual(echoed.slice(0, 4), [1, "Grüße, 世界", null, { a: [true] }]);
assert.ok(echoed[4] instanceof Date);
assert.equal(echoed[4].getTime(), date.getTime());
assert.deepEqual([...echoed[5]], [...bytes]);
await assert.rejects(call(ada, "noSuchMethod"), { error: 404, reason: "Method 'noSuchMethod' not found" });
await assert.rejects(call(ada, "addTask", 5), { error: 400 });
say("methods");

// Subscriptions: two clients, one of which sees only what is open.
const ben = await dial();
const seen = [];
const observer = ben.observe("tasks",
  id => seen.push(["added", id]),
  (id, old, cleared, fields) => seen.push(["changed", id, old.done, fields.done]),
  id => seen.push(["removed", id]));
const before = await call(ada, "addTask", "before");
const all = await subscribe(ben, "tasks");
assert.equal(ben.collections.tasks[before].title, "before", "what was there is there when the subscription is ready");
assert.ok(ben.collections.tasks[before].created instanceof Date, "a date in a document");
await subscribe(ada, "openTasks");
await assert.rejects(subscribe(ada, "noSuchThing"), { error: 404 });

const id = await call(ada, "addTask", "buy milk");
assert.equal(ada.collections.tasks[id].title, "buy milk", "who called sees what it did when the method is updated");
await until("added", () => ben.collections.tasks[id]);
await call(ada, "setDone", id, true);
assert.equal(ada.collections.tasks[id], undefined, "done is not open any more");
await until("changed", () => ben.collections.tasks[id].done === true);
await call(ada, "setDone", id, false);
assert.equal(ada.collections.tasks[id].done, false, "it is open again");
await call(ada, "removeTask", id);
await until("removed", () => !ben.collections.tasks[id]);
assert.deepEqual(seen, [["added", before], ["added", id], ["changed", id, false, true], ["changed", id, true, false], ["removed", id]]);
say("subscriptions");

ben.unsubscribe(all);
await until("all are removed by unsubscribing", () => Object.keys(ben.collections.tasks).length === 0);
observer.stop();
say("unsubscribed");

// Pings: the server sends them often in this test, and ends who does not answer.
let pings = 0;
ada.on("message", data => { if (JSON.parse(data).msg === "ping") pings++; });
await until("three pings", () => pings >= 3);
await call(ada, "echo");
say("pings");

const back = once(ada, "connected");
say("restart");
await once(process.stdin, "data");
await back;
assert.deepEqual(await call(ada, "echo", "again"), ["again"]);
say("reconnected");
ada.close();
ben.close();
process.stdin.destroy();
