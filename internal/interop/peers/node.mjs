// A WebSocket peer on npm's ws, driven by the Go tests. Commands come in on
// stdin and events go out on stdout, one JSON object a line; harness_test.go
// describes them. The peer ends when stdin does.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createInterface } from "node:readline";
import WebSocket, { WebSocketServer } from "ws";

const subprotocols = ["chat", "superchat"];
const sockets = new Map(); // by the path of the URL, which both ends know

const emit = (event, conn, fields = {}) =>
  process.stdout.write(JSON.stringify({ event, conn, ...fields }) + "\n");

// watch reports what happens on ws from now on. A failure after the opening is
// told by the close event that follows it.
function watch(ws, conn) {
  let open = ws.readyState === WebSocket.OPEN;
  let detail = "";
  const opened = () => {
    open = true;
    emit("open", conn, { subprotocol: ws.protocol });
  };
  sockets.set(conn, ws);
  if (open) opened();
  ws.on("open", opened);
  ws.on("message", (data, isBinary) => emit("message", conn, {
    type: isBinary ? "binary" : "text",
    size: data.length,
    sha256: createHash("sha256").update(data).digest("hex"),
  }));
  ws.on("ping", data => emit("ping", conn, { data: data.toString("hex") }));
  ws.on("pong", data => emit("pong", conn, { data: data.toString("hex") }));
  ws.on("error", err => {
    detail = err.message;
    if (!open) emit("error", conn, { detail });
  });
  ws.on("close", (code, reason) => {
    if (open) emit("close", conn, { code, reason: reason.toString(), detail });
  });
}

// options are the terms as ws has them. What does not matter to a server has to
// be left out, for false means that it declines.
const options = ({
  server_no_context_takeover: serverNoContextTakeover,
  client_no_context_takeover: clientNoContextTakeover,
  server_max_window_bits: serverMaxWindowBits,
  client_max_window_bits: clientMaxWindowBits,
}) => ({ serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold: 0 });

// send writes one message in the given number of frames, cut at any byte, with
// a ping behind the first frame if ping is there.
function send(ws, { type, unit, size, fragments = 1, ping, plain = false }) {
  const data = Buffer.alloc(size, Buffer.from(unit, "hex"));
  const cut = i => Math.floor((size * i) / fragments);
  for (let i = 0; i < fragments; i++) {
    ws.send(data.subarray(cut(i), cut(i + 1)), {
      binary: type === "binary", fin: i === fragments - 1, compress: !plain,
    });
    if (i === 0 && ping !== undefined) ws.ping(Buffer.from(ping, "hex"));
  }
}

// Over HTTP/2 (RFC 8441) node has the streams, and ws the frames: overStream is a
// WebSocket of a stream on which the handshake is done.
function overStream(stream, conn, isServer, protocol) {
  const ws = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  ws._isServer = isServer;
  ws._protocol = protocol ?? "";
  ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 64 << 20, skipUTF8Validation: false });
  watch(ws, conn);
}

function listenH2({ cert, key }) {
  const server = http2.createSecureServer({
    cert: readFileSync(cert), key: readFileSync(key), settings: { enableConnectProtocol: true },
  });
  server.on("stream", (stream, headers) => {
    if (headers[":method"] !== "CONNECT" || headers[":protocol"] !== "websocket" || headers["sec-websocket-version"] !== "13") {
      stream.respond({ ":status": 400 }, { endStream: true });
      return;
    }
    const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map(name => name.trim());
    const agreed = subprotocols.find(name => offered.includes(name));
    stream.respond({ ":status": 200, ...(agreed && { "sec-websocket-protocol": agreed }) });
    overStream(stream, headers[":path"], true, agreed);
  });
  server.listen(0, "127.0.0.1", () => emit("listening", "", { port: server.address().port }));
}

const sessions = new Map(); // by origin: all connections to it share one

function session(origin, ca) {
  if (!sessions.has(origin)) {
    const s = http2.connect(origin, { ca: readFileSync(ca) });
    s.ready = new Promise((resolve, reject) => {
      s.once("remoteSettings", ({ enableConnectProtocol }) =>
        enableConnectProtocol ? resolve(s) : reject(new Error("the server does not announce extended CONNECT")));
      s.once("error", reject);
    });
    sessions.set(origin, s);
  }
  return sessions.get(origin).ready;
}

function dialH2({ conn, url, offer, ca }) {
  const { host, pathname } = new URL(url);
  const failed = err => emit("error", conn, { detail: err.message });
  session("https://" + host, ca).then(s => {
    const stream = s.request({
      ":method": "CONNECT", ":protocol": "websocket", ":path": pathname, "sec-websocket-version": "13",
      ...(offer && { "sec-websocket-protocol": offer.join(", ") }),
    }, { endStream: false });
    stream.once("error", failed);
    stream.once("response", headers => {
      stream.off("error", failed);
      if (headers[":status"] !== 200) return failed(new Error("status " + headers[":status"]));
      overStream(stream, conn, false, headers["sec-websocket-protocol"]);
    });
  }).catch(failed);
}

const commands = {
  listen({ deflate, ...h2 }) {
    if (h2.h2) return listenH2(h2);
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      handleProtocols: offered => subprotocols.find(name => offered.has(name)) ?? false,
      perMessageDeflate: deflate ? options(deflate) : false,
    });
    server.on("listening", () => emit("listening", "", { port: server.address().port }));
    server.on("connection", (ws, request) => watch(ws, request.url));
  },
  dial({ conn, url, offer, ca, deflate, h2 }) {
    if (h2) return dialH2({ conn, url, offer, ca });
    watch(new WebSocket(url, offer ?? [], {
      ...(ca && { ca: readFileSync(ca) }),
      ...(deflate && { perMessageDeflate: options(deflate) }),
    }), conn);
  },
  send(command) {
    for (let i = 0; i < (command.times ?? 1); i++) send(sockets.get(command.conn), command);
  },
  ping: ({ conn, data }) => sockets.get(conn).ping(Buffer.from(data ?? "", "hex")),
  close: ({ conn, code, reason }) => sockets.get(conn).close(code, reason),
  drop: ({ conn }) => sockets.get(conn).terminate(),
};

createInterface({ input: process.stdin })
  .on("line", line => {
    const command = JSON.parse(line);
    try {
      commands[command.do](command);
    } catch (err) {
      emit("error", command.conn, { detail: `${command.do}: ${err.message}` });
    }
  })
  .on("close", () => process.exit(0));
