package handshake

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// goodResponse answers sampleKey and grants the subprotocol "chat".
func goodResponse() *response {
	return &response{1, 1, 101, http.Header{
		"Upgrade":                {"websocket"},
		"Connection":             {"Upgrade"},
		"Sec-Websocket-Accept":   {sampleAccept},
		"Sec-Websocket-Protocol": {"chat"},
	}}
}

func TestJudgeResponse(t *testing.T) {
	cfg := &ClientConfig{Subprotocols: []string{"chat", "superchat"}}
	g, fault := judgeResponse(goodResponse(), sampleKey, cfg)
	require.Empty(t, fault)
	require.Equal(t, granted{subprotocol: "chat"}, g)

	for _, tt := range []struct {
		name   string
		values []string // nil: the field is missing
		fault  string   // "": all is well
	}{
		{"Upgrade", []string{"WEBSOCKET"}, ""},
		{"Upgrade", nil, "Upgrade"},
		{"Upgrade", []string{""}, "Upgrade"},
		{"Upgrade", []string{"websocket, h2c"}, "Upgrade"},
		{"Upgrade", []string{"websocket", "websocket"}, "Upgrade"},
		{"Upgrade", []string{"webso\u212aet"}, "Upgrade"},
		{"Connection", []string{"upgrade, keep-alive"}, ""},
		{"Connection", []string{"keep-alive", "UPGRADE"}, ""},
		{"Connection", nil, "Connection"},
		{"Connection", []string{"close"}, "Connection"},
		{"Connection", []string{"Upgrade-ish"}, "Connection"},
		{"Sec-Websocket-Accept", nil, "Sec-WebSocket-Accept"},
		{"Sec-Websocket-Accept", []string{""}, "Sec-WebSocket-Accept"},
		{"Sec-Websocket-Accept", []string{sampleKey}, "Sec-WebSocket-Accept"},
		{"Sec-Websocket-Accept", []string{"S3PPLMBITXAQ9KYGZZHZRBK+XOO="}, "Sec-WebSocket-Accept"},
		{"Sec-Websocket-Accept", []string{sampleAccept, sampleAccept}, "Sec-WebSocket-Accept"},
		{"Sec-Websocket-Extensions", []string{""}, ""},
		{"Sec-Websocket-Extensions", []string{" , "}, ""},
		{"Sec-Websocket-Extensions", []string{"permessage-deflate"}, `"permessage-deflate"`},
		{"Sec-Websocket-Extensions", []string{"", "x; y"}, `"x"`},
		{"Sec-Websocket-Extensions", []string{"x;"}, "malformed"},
		{"Sec-Websocket-Protocol", nil, ""},
		{"Sec-Websocket-Protocol", []string{"superchat"}, ""},
		{"Sec-Websocket-Protocol", []string{""}, "not offered"},
		{"Sec-Websocket-Protocol", []string{"CHAT"}, "not offered"},
		{"Sec-Websocket-Protocol", []string{"soap"}, `"soap"`},
		{"Sec-Websocket-Protocol", []string{"chat, superchat"}, "not offered"},
		{"Sec-Websocket-Protocol", []string{"chat", "chat"}, "more than one"},
		{"Content-Length", []string{"5"}, ""},
		{"Transfer-Encoding", []string{"chunked"}, ""},
	} {
		r := goodResponse()
		delete(r.header, tt.name)
		if tt.values != nil {
			r.header[tt.name] = tt.values
		}
		g, fault := judgeResponse(r, sampleKey, cfg)
		if tt.fault == "" {
			require.Empty(t, fault, "%s %q", tt.name, tt.values)
		} else {
			require.Contains(t, fault, tt.fault, "%s %q", tt.name, tt.values)
			require.Zero(t, g, "nothing is granted")
		}
	}

	for _, version := range [][2]int{{1, 0}, {2, 0}, {0, 9}} {
		r := goodResponse()
		r.major, r.minor = version[0], version[1]
		_, fault := judgeResponse(r, sampleKey, cfg)
		require.Contains(t, fault, "HTTP/1.1")
	}
	_, fault = judgeResponse(goodResponse(), sampleKey, &ClientConfig{})
	require.Contains(t, fault, "not offered")
}

func TestInterimResponses(t *testing.T) {
	for status, want := range map[int]bool{100: true, 101: false, 102: true, 103: true, 199: true, 200: false, 304: false} {
		require.Equal(t, want, (&response{status: status}).isInterim(), status)
	}
}
