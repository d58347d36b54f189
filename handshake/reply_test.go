package handshake

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendSwitching(t *testing.T) {
	got := string(appendSwitching([]byte("x"), &grant{key: sampleKey, subprotocol: "chat"}, http.Header{"A": {"1"}}, nil))
	require.Equal(t, "xHTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\n"+
		"Connection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+sampleAccept+"\r\n"+
		"Sec-WebSocket-Protocol: chat\r\n"+
		"A: 1\r\n\r\n", got)
}

func TestAppendField(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"A", "1", "A: 1\r\n"},
		{"A", "", "A: \r\n"},
		{"Sec-Websocket-Version", "13", "Sec-WebSocket-Version: 13\r\n"}, // as the RFC spells it
		{"A", "1\r\nB: 2\n\x00", "A: 1  B: 2  \r\n"},
		{"A\r\nB", "1", ""},
		{"A:", "1", ""},
		{"", "1", ""},
		{"Ä", "1", ""},
	} {
		require.Equal(t, tt.want, string(appendField(nil, tt.name, tt.value)))
	}
}

func TestIsReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"Connection": true, "UPGRADE": true, "content-length": true, "Transfer-Encoding": true, "Trailer": true,
		"Sec-WebSocket-Accept": true, "sec-websocket-anything": true, "Sec-WebSocket-": true,
		"Sec-WebSocket": false, "Set-Cookie": false, "Origin": false, "Sec-Fetch-Mode": false, "": false,
	} {
		require.Equal(t, want, isReserved(name), name)
	}
}

func TestErrorText(t *testing.T) {
	for want, err := range map[string]*Error{
		"websocket handshake: no response came: EOF":              {Reason: "no response came", Err: io.EOF},
		"websocket handshake: status 405: the method must be GET": reject(405, "the method must be GET"),
	} {
		require.EqualError(t, err, want)
	}
	require.ErrorIs(t, &Error{Err: io.EOF}, io.EOF)
	require.NoError(t, errors.Unwrap(&Error{}))
}

// What the peer sent comes into an error text quoted and cut.
func TestQuote(t *testing.T) {
	require.Equal(t, `"a\r\n\x00\u00fc"`, quote("a\r\n\x00ü"))
	require.Less(t, len(quote(strings.Repeat("\x00", 1000))), 300)
}

func TestNoRejectionEchoesLongInput(t *testing.T) {
	long := strings.Repeat("<script>", 500)
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, edit := range []string{
			"Origin: " + long, "Sec-WebSocket-Extensions: a;" + long, "Sec-WebSocket-Protocol: " + long, "Sec-WebSocket-Key: " + long,
		} {
			o := serve(t, nil, aRequest(edit))
			require.GreaterOrEqual(t, o.StatusCode, 400)
			require.Less(t, len(o.body), 300)
			require.Less(t, len(o.err.Error()), 400)
		}
	})
}
