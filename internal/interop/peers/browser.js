// A WebSocket peer in a page, driven by the Go tests: do(command) runs one
// command, and events go to the function emitLine that the tests bind. The
// commands and events are those of harness_test.go. A page cannot ping, cut a
// message into frames, or break a connection off, so there is no such command.
"use strict";

const sockets = new Map(); // by the path of the URL, which both ends know

const emit = (event, conn, fields) => emitLine(JSON.stringify({ event, conn, ...fields }));

const bytesOf = ({ unit, size }) => {
  const bytes = new Uint8Array(size);
  const period = Uint8Array.from(unit.match(/../g), hex => parseInt(hex, 16)).subarray(0, size);
  bytes.set(period);
  for (let n = period.length; n < size; n *= 2) bytes.copyWithin(n, 0, Math.min(n, size - n));
  return bytes;
};

const sha256 = async bytes =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), b => b.toString(16).padStart(2, "0")).join("");

const commands = {
  dial({ conn, url, offer }) {
    const ws = new WebSocket(url, offer ?? []);
    let open = false;
    let reported = Promise.resolve(); // digests take time; events keep their order
    const report = (event, fields) => { reported = reported.then(async () => emit(event, conn, await fields)); };
    const message = async data => {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
      return { type: typeof data === "string" ? "text" : "binary", size: bytes.length, sha256: await sha256(bytes) };
    };
    sockets.set(conn, ws);
    ws.binaryType = "arraybuffer";
    ws.onopen = () => {
      open = true;
      report("open", { subprotocol: ws.protocol, extensions: ws.extensions });
    };
    ws.onmessage = ({ data }) => report("message", message(data));
    ws.onclose = ({ code, reason }) => report(open ? "close" : "error", { code, reason });
  },
  send(command) {
    const bytes = bytesOf(command);
    const data = command.type === "text" ? new TextDecoder().decode(bytes) : bytes;
    for (let i = 0; i < (command.times ?? 1); i++) sockets.get(command.conn).send(data);
  },
  close({ conn, code, reason }) {
    const ws = sockets.get(conn);
    if (code === undefined) ws.close();
    else ws.close(code, reason);
  },
};

function run(command) {
  try {
    commands[command.do](command);
  } catch (err) {
    emit("error", command.conn, { detail: `${command.do}: ${err.message}` });
  }
}
