package handshake

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRule31NegotiatedByBothServerPaths(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, tt := range []struct {
			name    string
			config  *DeflateConfig
			offers  []string
			answer  []string
			deflate *Deflate
		}{
			{"off by default", nil, []string{"permessage-deflate"}, nil, nil},
			{"not offered", &takeover, nil, nil, nil},
			{"declined", &takeover, []string{"permessage-deflate; x, foo"}, nil, nil},
			{
				"agreed", &DeflateConfig{}, []string{"foo", "permessage-deflate; x, permessage-deflate; client_max_window_bits"},
				[]string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
				&Deflate{true, true, 15, 15},
			},
			{
				"with windows", &DeflateConfig{true, true, 12, 9}, []string{`permessage-deflate; client_max_window_bits="10"`},
				[]string{"permessage-deflate; server_max_window_bits=12; client_max_window_bits=9"},
				&Deflate{false, false, 12, 9},
			},
		} {
			var edits []string
			for _, offer := range tt.offers {
				edits = append(edits, "+Sec-WebSocket-Extensions: "+offer)
			}
			o := serve(t, &ServerConfig{Deflate: tt.config}, aRequest(edits...))
			o.requireUpgraded(t, tt.name)
			require.Equal(t, tt.answer, o.Header["Sec-Websocket-Extensions"], tt.name)
			require.Equal(t, tt.deflate, o.upgraded.Deflate, tt.name)
		}
		o := serve(t, &ServerConfig{Deflate: &takeover}, aRequest("Sec-WebSocket-Extensions: permessage-deflate;"))
		o.requireRejected(t, 400, "malformed, which is not the same as invalid")
	})
}

func TestRule31ABadConfigIsTheServersFault(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, &ServerConfig{Deflate: &DeflateConfig{ServerMaxWindowBits: 16}}, aRequest())
		o.requireRejected(t, 500, "at once, not only when a client offers")
		require.ErrorContains(t, o.err, "ServerMaxWindowBits is 16")
		require.NotContains(t, o.body, "16", "it is our own affair")
	})
}

// A middleware or a configuration cannot say that something else was agreed.
func TestRule31MiddlewareCannotNegotiate(t *testing.T) {
	lie := http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; server_max_window_bits=8"}, "X-Own": {"1"}}
	request := aRequest("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat")
	for _, config := range []*DeflateConfig{nil, &takeover} {
		cfg := &ServerConfig{Subprotocols: []string{"chat"}, Deflate: config, Header: lie}
		onBothPaths(t, func(t *testing.T, serve server) {
			o := serve(t, cfg, request)
			o.requireUpgraded(t)
			require.NotContains(t, o.raw, "server_max_window_bits")
			require.Equal(t, config != nil, len(o.Header["Sec-Websocket-Extensions"]) == 1)
		})
		o := serveWith(t, request, func(w http.ResponseWriter, r *http.Request) (*Upgraded, error) {
			for name, values := range lie {
				w.Header()[name] = values
			}
			return Upgrade(w, r, cfg)
		})
		o.requireUpgraded(t)
		require.NotContains(t, o.raw, "server_max_window_bits")
		require.Equal(t, "1", o.Header.Get("X-Own"))
	}
}

// The fields of the handshake come in a fixed order, before all others.
func TestOrderOfThe101(t *testing.T) {
	o := serveRaw(t, &ServerConfig{Subprotocols: []string{"chat"}, Deflate: &takeover, Header: http.Header{"A": {"b"}}},
		aRequest("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"))
	o.requireUpgraded(t)
	require.Equal(t, strings.Join([]string{
		"HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: " + sampleAccept,
		"Sec-WebSocket-Protocol: chat",
		"Sec-WebSocket-Extensions: permessage-deflate",
		"A: b",
	}, "\r\n")+"\r\n\r\n", o.raw)
}

func TestRule11ClientOffersCompression(t *testing.T) {
	cfg := &ClientConfig{Deflate: &DeflateConfig{ServerMaxWindowBits: 10}}
	const answer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
	u, d, err := connect(t, aURL, cfg, aResponse(answer+`server_max_window_bits="9"; client_max_window_bits=12`))
	require.NoError(t, err)
	require.Equal(t, &Deflate{true, true, 9, 12}, u.Deflate)
	require.Equal(t, []string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits"},
		d.requests[0].Header["Sec-Websocket-Extensions"])

	u, _, err = connect(t, aURL, cfg, aResponse())
	require.NoError(t, err, "the server may decline")
	require.Nil(t, u.Deflate)

	for _, edits := range [][]string{
		{"Sec-WebSocket-Extensions: permessage-deflate"},
		{answer + "server_max_window_bits=11"},
		{answer + "server_max_window_bits=010"},
		{answer + "server_max_window_bits=10; client_max_window_bits"},
		{answer + "server_max_window_bits=10; x"},
		{answer + "server_max_window_bits=10", "+" + answer + "server_max_window_bits=10"},
		{answer + "server_max_window_bits=10, foo"},
	} {
		_, d, err := connect(t, aURL, cfg, aResponse(edits...))
		require.Equal(t, 101, requireFailure(t, err, edits).Status, edits)
		require.Empty(t, d.after, "not a frame is sent")
	}

	_, d, err = connect(t, aURL, &ClientConfig{Deflate: &DeflateConfig{ClientMaxWindowBits: 7}})
	require.ErrorContains(t, err, "ClientMaxWindowBits is 7")
	require.Empty(t, d.dialled, "nothing is done before the configuration is found good")
}

// A redirect does not change what is offered.
func TestRule13OfferAfterARedirect(t *testing.T) {
	cfg := &ClientConfig{Deflate: &takeover, CheckRedirect: follow}
	u, d, err := connect(t, aURL, cfg,
		redirectTo("/there"), aResponse("Sec-WebSocket-Extensions: permessage-deflate"))
	require.NoError(t, err)
	require.Equal(t, &Deflate{false, false, 15, 15}, u.Deflate)
	require.Len(t, d.requests, 2)
	for _, r := range d.requests {
		require.Equal(t, "permessage-deflate; client_max_window_bits", r.Header.Get("Sec-WebSocket-Extensions"))
	}
}

// sampleConfigs are all configurations with some of the windows.
func sampleConfigs() []*DeflateConfig {
	var configs []*DeflateConfig
	bits := []int{0, 8, 9, 12, 15}
	for _, server := range bits {
		for _, client := range bits {
			for flags := range 4 {
				configs = append(configs, &DeflateConfig{flags&1 != 0, flags&2 != 0, server, client})
			}
		}
	}
	return configs
}

// negotiateBoth lets two of us negotiate.
func negotiateBoth(server, client *DeflateConfig) (ofServer, ofClient *Deflate, err error) {
	offer := string(client.offer().append(nil))
	answer, ok := server.negotiate([]string{offer})
	if !ok {
		return nil, nil, errors.New("the server declined " + offer)
	}
	ofClient, fault := judgeExtensions([]string{string(answer.append(nil))}, client)
	if fault != "" {
		return nil, nil, errors.New(fault)
	}
	return answer.agreed(), ofClient, nil
}

// thriftier is what two of us must come to: takeover where both want it, and the
// smaller windows.
func thriftier(a, b *DeflateConfig) *Deflate {
	return &Deflate{
		ServerNoContextTakeover: !(a.ServerContextTakeover && b.ServerContextTakeover),
		ClientNoContextTakeover: !(a.ClientContextTakeover && b.ClientContextTakeover),
		ServerMaxWindowBits:     min(bitsOrMax(a.ServerMaxWindowBits), bitsOrMax(b.ServerMaxWindowBits)),
		ClientMaxWindowBits:     min(bitsOrMax(a.ClientMaxWindowBits), bitsOrMax(b.ClientMaxWindowBits)),
	}
}

func TestBothSidesAgree(t *testing.T) {
	configs := sampleConfigs()
	for _, server := range configs {
		for _, client := range configs {
			ofServer, ofClient, err := negotiateBoth(server, client)
			if err != nil || *ofServer != *ofClient || *ofServer != *thriftier(server, client) {
				t.Fatalf("server %+v and client %+v: %+v, %+v, %v", *server, *client, ofServer, ofClient, err)
			}
		}
	}
}

// The same over Accept and Connect, with some of the configurations.
func TestBothSidesAgreeOverTheWire(t *testing.T) {
	configs := sampleConfigs()
	for i, config := range configs {
		other := configs[(i*37+11)%len(configs)]
		ofServer := make(chan *Upgraded, 1)
		dial := dialTo(t, func(nc net.Conn) {
			u, _ := Accept(nc, &ServerConfig{Deflate: other})
			ofServer <- u
		})
		u, err := Connect(t.Context(), aURL, &ClientConfig{Deflate: config, NetDial: dial})
		require.NoError(t, err)
		require.Equal(t, thriftier(config, other), u.Deflate)
		require.Equal(t, u.Deflate, (<-ofServer).Deflate)
	}
}
