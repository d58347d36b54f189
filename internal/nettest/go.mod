module github.com/parleyws/websocket/internal/nettest

go 1.26.0

replace github.com/parleyws/websocket => ../..

require (
	github.com/parleyws/websocket v0.0.0-00010101000000-000000000000
	golang.org/x/net v0.62.0
)
