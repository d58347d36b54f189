package handshake

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dualStack is a name server that knows every name, as ::1 and as 127.0.0.1.
func dualStack(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		for {
			query, err := readDNS(server)
			if err != nil {
				return
			}
			reply := answerDNS(query)
			server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		}
	}()
	return client, nil
}

// readDNS reads a message with its length before it (RFC 1035, section 4.2.2).
func readDNS(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	p := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, p)
	return p, err
}

// answerDNS answers a query of one question (RFC 1035, section 4.1).
func answerDNS(query []byte) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	end := header
	for query[end] != 0 { // the labels of the name
		end += 1 + int(query[end])
	}
	end += 1 + 4 // type and class
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, query[header:end]...)
	kind := query[end-3]
	address := net.IPv6loopback
	if kind == typeA {
		address = net.IPv4(127, 0, 0, 1).To4()
	} else if kind != typeAAAA {
		reply[7] = 0 // answers
		return reply
	}
	reply = append(reply, 0xc0, header, 0, kind, 0, 1, 0, 0, 0, 60, 0, byte(len(address)))
	return append(reply, address...)
}

// A name with an address that is dead, be it that it refuses or that it swallows
// everything, is connected to at another one. That is the doing of net.Dialer (RFC
// 6555), which is what there is without NetDial, and which a program may set up.
func TestConnectFallsBackFromADeadAddress(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, err := Upgrade(w, r, nil); err == nil {
			u.Conn.Close()
		}
	}))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	for name, swallow := range map[string]bool{"refuses": false, "swallows": true} {
		t.Run(name, func(t *testing.T) {
			dialer := &net.Dialer{
				FallbackDelay: time.Millisecond,
				Resolver:      &net.Resolver{PreferGo: true, Dial: dualStack},
				ControlContext: func(ctx context.Context, network, _ string, _ syscall.RawConn) error {
					if swallow && strings.HasSuffix(network, "6") {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				},
			}
			u, err := Connect(t.Context(), "ws://dual.example:"+port, &ClientConfig{NetDial: dialer.DialContext})
			require.NoError(t, err)
			require.Equal(t, s.Listener.Addr().String(), u.Conn.RemoteAddr().String())
			u.Conn.Close()
		})
	}
}
