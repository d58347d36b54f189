module github.com/parleyws/websocket/internal/bench

go 1.26.0

require (
	github.com/klauspost/compress v1.20.3
	github.com/parleyws/websocket v0.0.0
	golang.org/x/sys v0.49.0
)

replace github.com/parleyws/websocket => ../..
