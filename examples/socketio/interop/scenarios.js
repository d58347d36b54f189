// What the client does, the same in node and in a page: both have io, of the client
// from npm, and origin, of the server. Every scenario returns a sentence, or throws.
"use strict";

const opened = [];

// dial opens a connection of its own for a namespace.
const dial = (namespace, options) => {
  const socket = io(origin + namespace, { forceNew: true, timeout: 15000, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
  opened.push(socket);
  return socket;
};

const next = (emitter, event) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no ${event} within 20 seconds`)), 20000);
  emitter.once(event, (...args) => { clearTimeout(timer); resolve(args); });
});

const connected = async socket => { if (!socket.connected) await next(socket, "connect"); return socket; };

const same = (got, want, what) => {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
};

const bytesOf = data => Array.from(new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength));
const ask = (socket, ...args) => socket.timeout(5000).emitWithAck(...args);
const transport = socket => socket.io.engine.transport.name;

// guest joins a room by the chat's own rules.
const guest = async (name, room, options) => {
  const socket = await connected(dial("/", options));
  const { people } = await ask(socket, "join", name, room);
  if (!people.includes(name)) throw new Error(`${name} is not in ${people}`);
  socket.on("here?", ack => ack());
  return socket;
};

const scenarios = {
  async transports(options) {
    const socket = await connected(dial("/echo", options));
    const want = (options.transports ?? ["polling", "websocket"]).at(-1);
    if (transport(socket) !== want) await next(socket.io.engine, "upgrade");
    same(transport(socket), want, "the transport in the end");
    same(await ask(socket, "echo", 1), 1, "it carries an event and its ack");
    return want;
  },
  async acks(options) {
    const socket = await connected(dial("/echo", options));
    const values = [["Grüße, 世界 🎉", "\u001e \u2028 \u0000"], { a: [1, 2.5, null, true], b: { c: "" } }, 0, "", []];
    for (const value of values) same(await ask(socket, "echo", value), value, "the ack");
    const many = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(socket, "echo", i)));
    same(many, Array.from({ length: 200 }, (_, i) => i), "200 acks, each to its event");
    return "acknowledged";
  },
  async binary(options) {
    const socket = await connected(dial("/echo", options));
    const one = Uint8Array.of(0, 30, 128, 255), two = new Uint8Array(300_000).map((_, i) => i * 7);
    const got = await ask(socket, "echo", { deep: [{ one }], two, text: "between" });
    same(bytesOf(got.deep[0].one), bytesOf(one), "a small attachment, nested");
    same(bytesOf(got.two), bytesOf(two), "a large attachment");
    same(got.text, "between", "text beside them");
    same(bytesOf(await ask(socket, "echo", new Uint8Array(0))), [], "an empty attachment");
    return "intact";
  },
  async rooms(options) {
    const room = "room " + Math.random();
    const ada = await guest("Ada", room, options);
    const heard = next(ada, "joined");
    const ben = await guest("Ben", room, options), cleo = await guest("Cleo", room + "!", options);
    same(await heard, [{ name: "Ben" }], "who is in a room hears who comes");
    cleo.on("said", () => { throw new Error("heard in another room"); });
    ben.on("said", () => { throw new Error("heard by who has said it"); });
    const said = next(ada, "said"), picture = next(ada, "picture");
    same(await ask(ben, "say", "hello"), true, "the ack");
    same(await said, [{ name: "Ben", text: "hello" }], "the broadcast");
    same(await ask(ben, "picture", Uint8Array.of(1, 2, 3)), true, "the ack of binary");
    const [name, bytes] = await picture;
    same([name, bytesOf(bytes)], ["Ben", [1, 2, 3]], "the broadcast of binary");
    const left = next(ada, "left");
    ben.disconnect();
    same(await left, [{ name: "Ben" }], "who is in a room hears who leaves");
    return "heard";
  },
  async roll(options) {
    const room = "room " + Math.random();
    const ada = await guest("Ada", room, options);
    await guest("Ben", room, options);
    const roll = await ask(ada, "roll");
    same(roll.map(({ name, ms }) => [name, ms >= 0]), [["Ada", true], ["Ben", true]], "both acknowledge what the server asks");
    return "answered";
  },
  async namespaces(options) {
    const manager = await connected(dial("/", options));
    const echo = await connected(manager.io.socket("/echo"));
    same(await ask(echo, "echo", "shared"), "shared", "two namespaces in one connection");
    echo.disconnect();
    same((await ask(manager, "join", "Ada", "r" + Math.random())).people, ["Ada"], "leaving one leaves the other");
    const nowhere = manager.io.socket("/nowhere");
    nowhere.connect();
    same((await next(nowhere, "connect_error"))[0].message, "Invalid namespace", "one that there is not");
    const wrong = dial("/echo", { ...options, auth: { token: "wrong" } });
    same((await next(wrong, "connect_error"))[0].message, "this token is not known", "one that is refused");
    return "told apart";
  },
  async pings(options) { // the server runs with a short interval
    const socket = await connected(dial("/echo", options));
    for (let i = 0; i < 3; i++) await next(socket.io, "ping");
    same(socket.connected, true, "connected after three pings");
    return "alive";
  },
};

// play runs a scenario and closes what it has opened.
async function play(name, options) {
  try {
    return await scenarios[name](options);
  } finally {
    for (const socket of opened.splice(0)) socket.disconnect();
  }
}

// The server is restarted between these two.
let survivor, back;
async function beforeRestart(options) {
  survivor = await connected(dial("/echo", options));
  if (transport(survivor) !== (options.transports ?? ["websocket"])[0]) await next(survivor.io.engine, "upgrade");
  back = next(survivor, "disconnect").then(async ([reason]) => { await next(survivor, "connect"); return reason; });
  return "connected";
}
async function afterRestart() {
  const reason = await back;
  same(await ask(survivor, "echo", "again"), "again", "an event after the restart");
  survivor.disconnect();
  opened.length = 0;
  return reason;
}
