// Node's zlib, which is Chromium's, driven by the Go tests: zlib_test.go describes
// requests and answers. Both are one JSON object a line. The program ends when
// stdin does.
import { once } from "node:events";
import { createInterface } from "node:readline";
import zlib from "node:zlib";

const tail = Buffer.from([0, 0, 0xff, 0xff]);

// through writes data to a zlib stream and returns what has come out at the next
// flush.
async function through(stream, data) {
  const out = [];
  const collect = chunk => out.push(chunk);
  stream.on("data", collect);
  stream.write(data);
  await Promise.race([
    new Promise(done => stream.flush(zlib.constants.Z_SYNC_FLUSH, done)),
    once(stream, "never"), // fails with the stream
  ]);
  stream.off("data", collect);
  return Buffer.concat(out);
}

const work = {
  async inflate(stream, message) {
    return through(stream, Buffer.concat([message, tail]));
  },
  async deflate(stream, message) {
    const data = await through(stream, message);
    if (!data.subarray(-4).equals(tail)) throw new Error("the flush does not end as RFC 7692 says");
    return data.subarray(0, -4);
  },
};

async function answer({ do: what, bits: windowBits, takeover, messages, level, strategy }) {
  const stream = what === "inflate"
    ? zlib.createInflateRaw({ windowBits, chunkSize: 1024 })
    : zlib.createDeflateRaw({ windowBits, level, strategy });
  const done = [];
  for (const message of messages) {
    if (!takeover) stream.reset();
    done.push((await work[what](stream, Buffer.from(message, "base64"))).toString("base64"));
  }
  stream.close();
  return { messages: done };
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(JSON.parse(line)).catch(err => ({ error: err.message }));
  process.stdout.write(JSON.stringify(said) + "\n");
}
