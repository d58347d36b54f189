module github.com/parleyws/websocket/examples/ddp/interop

go 1.26
