"""Python's zlib, driven by the Go tests: zlib_test.go describes requests and answers.

Both are one JSON object a line. The program ends when stdin does.
"""

import base64
import json
import sys
import zlib

TAIL = b"\x00\x00\xff\xff"


def inflate(bits, takeover, messages, **_):
    # zlib lets a match refer to all that is still in the buffer it writes to,
    # beyond the window. So its buffer has room for one byte.
    d = None
    for message in messages:
        if d is None or not takeover:
            d = zlib.decompressobj(-bits)
        out, data = [], message + TAIL
        for i in range(0, len(data), 64):
            rest = data[i : i + 64]
            while piece := d.decompress(rest, 1):
                out.append(piece)
                rest = d.unconsumed_tail
        yield b"".join(out)


def deflate(bits, takeover, messages, level, strategy, final=False):
    c = None
    for message in messages:
        if c is None or not takeover:
            c = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
        data = c.compress(message)
        if final:  # RFC 7692, section 7.2.3.4
            yield data + c.flush(zlib.Z_FINISH) + b"\x00"
        else:
            yield (data + c.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


for line in sys.stdin:
    request = json.loads(line)
    work = {"inflate": inflate, "deflate": deflate}[request.pop("do")]
    request["messages"] = map(base64.b64decode, request["messages"])
    try:
        answer = {"messages": [base64.b64encode(m).decode() for m in work(**request)]}
    except zlib.error as err:
        answer = {"error": str(err)}
    print(json.dumps(answer), flush=True)
