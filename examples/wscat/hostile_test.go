package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestServersThatBreakTheRules(t *testing.T) {
	for name, tt := range map[string]struct {
		send func(p *wstest.Peer)
		code frame.StatusCode
	}{
		"text that is not UTF-8": {
			func(p *wstest.Peer) { p.Send(wstest.Text("a\xff")) }, conn.StatusInvalidPayload},
		"a message past -max": {
			func(p *wstest.Peer) { p.Send(wstest.Text(strings.Repeat("x", 1001))) }, conn.StatusMessageTooBig},
		"a message that announces exabytes": {
			func(p *wstest.Peer) {
				p.SendWire(frame.Header{Opcode: frame.Binary, Fin: true, Length: 1 << 60}.Append(nil))
			}, conn.StatusMessageTooBig},
		"a message past -max in fragments": {
			func(p *wstest.Peer) {
				p.Send(wstest.Text(strings.Repeat("x", 600)).NoFin(), wstest.Cont(strings.Repeat("x", 600)))
			}, conn.StatusMessageTooBig},
		"a masked frame": {
			func(p *wstest.Peer) { p.Send(wstest.Text("a").WrongMask()) }, conn.StatusProtocolError},
		"a reserved opcode": {
			func(p *wstest.Peer) { p.Send(wstest.Op(0xb, nil)) }, conn.StatusProtocolError},
		"bytes that are no frames": {
			func(p *wstest.Peer) { p.SendWire([]byte("HTTP/1.1 200 OK\r\n\r\n")) }, conn.StatusProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			p, peer := scripted(t, newOutput(true), newOutput(true), nil, "-max", "1000", "-vv")
			p.wantIn(p.err, "connected")
			tt.send(peer)
			peer.WantClose("the rule that was broken", tt.code)
			peer.Close()
			require.Equal(t, exitClosed, p.wait())
			require.Contains(t, p.err.String(), "wscat: the peer broke the protocol")
			require.Empty(t, p.out.String(), "nothing of it is printed")
		})
	}
}

func TestServersThatWriteToTheTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	const evil = "\x1b]0;owned\x07\u009b2J\r\u202e"
	p, peer := scripted(t, newOutput(true), newOutput(true), nil, "-vv")
	peer.Send(wstest.Text(evil), wstest.Binary([]byte(evil)), wstest.Ping(evil))
	peer.Want("the answer to the ping", wstest.Pong(evil))
	peer.Send(wstest.Close(1000, evil))
	peer.WantClose("the echo", 1000)
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait())
	for _, printed := range []string{p.out.String(), p.err.String()} {
		for _, r := range printed {
			require.False(t, r != '\n' && isOrder(r), "%q reaches the terminal", r)
		}
	}
	require.Contains(t, p.err.String(), `"\x1b]0;owned\a\u009b2J\r\u202e"`)
}

func TestAServerThatDoesNotTalkOfTheEnd(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), strings.NewReader(""), "-wait", "0s")
	peer.Want("input has ended", wstest.Close(1000, ""))
	peer.Close()
	require.Equal(t, exitClosed, p.wait(), "the Close frame has not been answered")
}
