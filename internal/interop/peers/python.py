"""A WebSocket peer on Python's websockets, driven by the Go tests.

Commands come in on stdin and events go out on stdout, one JSON object a line;
harness_test.go describes them. The peer ends when stdin does.

Debian 12 has websockets 10.4, whose asyncio API is what later versions call
"legacy". Its read_frame, write_frame, write_close_frame and frames are not
promised to users, but they are the only way to see a ping, to cut a text inside a
character, to close without a code, and to leave a message uncompressed.
"""

import asyncio
import hashlib
import json
import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Close, Frame, Opcode
from websockets.legacy.client import WebSocketClientProtocol, connect
from websockets.legacy.server import WebSocketServerProtocol, serve

CONT, TEXT, BINARY, PING = 0x0, 0x1, 0x2, 0x9
OPTIONS = {"max_size": 64 << 20, "ping_interval": None, "subprotocols": ["chat", "superchat"]}

sockets = {}  # by the path of the URL, which both ends know
tasks = set()  # the event loop itself keeps weak references only


def emit(event, conn="", **fields):
    print(json.dumps({"event": event, "conn": conn, **fields}), flush=True)


class Watched:
    """Reports the frames that websockets handles by itself."""

    conn = ""
    frames = 0  # of the message that is being read

    async def read_frame(self, max_size):
        frame = await super().read_frame(max_size)
        if frame.opcode == PING:
            emit("ping", self.conn, data=frame.data.hex())
        elif frame.opcode in (CONT, TEXT, BINARY):
            self.frames = self.frames + 1 if frame.opcode == CONT else 1
        return frame


class Client(Watched, WebSocketClientProtocol):
    pass


class Server(Watched, WebSocketServerProtocol):
    pass


async def watch(ws, conn):
    ws.conn = conn
    sockets[conn] = ws
    emit("open", conn, subprotocol=ws.subprotocol or "")
    try:
        while True:
            message = await ws.recv()
            data = message.encode() if isinstance(message, str) else message
            emit(
                "message",
                conn,
                type="text" if isinstance(message, str) else "binary",
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                frames=ws.frames,  # right if the other message is not there yet
            )
    except Exception as err:
        detail = str(err)
    await ws.wait_closed()
    emit("close", conn, code=ws.close_code, reason=ws.close_reason or "", detail=detail)


def extensions(factory, command):
    terms = command.get("deflate")
    if terms is None:
        return {}  # the defaults
    return {"compression": None, "extensions": [factory(**terms)]}


async def listen(command):
    options = {**OPTIONS, **extensions(ServerPerMessageDeflateFactory, command)}
    server = await serve(
        lambda ws: watch(ws, ws.path), "127.0.0.1", 0, create_protocol=Server, **options
    )
    emit("listening", port=server.sockets[0].getsockname()[1])


async def dial(command):
    tls = {"ssl": ssl.create_default_context(cafile=command["ca"])} if command.get("ca") else {}
    options = {**OPTIONS, "subprotocols": command.get("offer"), **tls}
    options |= extensions(ClientPerMessageDeflateFactory, command)
    ws = await connect(command["url"], create_protocol=Client, **options)
    spawn(watch(ws, command["conn"]), command)


async def send(command):
    ws = sockets[command["conn"]]
    unit, size = bytes.fromhex(command["unit"]), command["size"]
    data = (unit * (size // max(len(unit), 1) + 1))[:size]
    for _ in range(command.get("times", 1)):
        if command.get("plain"):
            opcode = Opcode.TEXT if command["type"] == "text" else Opcode.BINARY
            ws.transport.write(Frame(opcode, data).serialize(mask=ws.is_client))
        elif command.get("fragments", 1) > 1:
            await send_fragments(ws, command, data)
        else:
            await ws.send(data.decode() if command["type"] == "text" else data)


async def send_fragments(ws, command, data):
    count = command["fragments"]
    for i in range(count):
        opcode = CONT if i else TEXT if command["type"] == "text" else BINARY
        piece = data[len(data) * i // count : len(data) * (i + 1) // count]
        await ws.write_frame(i == count - 1, opcode, piece)
        if i == 0 and "ping" in command:
            await ping({**command, "data": command["ping"]})


async def ping(command):
    ws, data = sockets[command["conn"]], bytes.fromhex(command.get("data", ""))
    answered = await ws.ping(data)
    answered.add_done_callback(
        lambda f: f.cancelled() or f.exception() or emit("pong", ws.conn, data=data.hex())
    )


async def close(command):
    ws = sockets[command["conn"]]
    if "code" in command:
        await ws.close(command["code"], command.get("reason", ""))
    else:
        await ws.write_close_frame(Close(1005, ""), b"")  # the public close always has a code


async def drop(command):
    sockets[command["conn"]].transport.abort()


COMMANDS = {f.__name__: f for f in (listen, dial, send, ping, close, drop)}


async def guarded(work, command):
    try:
        await work
    except ConnectionClosed:
        pass  # the close event tells
    except Exception as err:
        emit("error", command.get("conn", ""), detail=f"{command['do']}: {err!r}")


def spawn(work, command):
    task = asyncio.ensure_future(guarded(work, command))
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def main():
    stdin = asyncio.StreamReader(limit=4 << 20)  # bytes of a command
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    while line := await stdin.readline():
        command = json.loads(line)
        await_it = command["do"] in ("send", "ping")  # these keep their order
        if await_it:
            await guarded(COMMANDS[command["do"]](command), command)
        else:
            spawn(COMMANDS[command["do"]](command), command)


asyncio.run(main())
