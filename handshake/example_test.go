package handshake_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// The sample of RFC 6455, section 1.3.
func ExampleAcceptKey() {
	fmt.Println(handshake.AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="))
	// Output: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
}

func ExampleParseExtensions() {
	exts, err := handshake.ParseExtensions([]string{`permessage-deflate; client_max_window_bits, foo; note="a, b"`})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ext := range exts {
		fmt.Printf("%s %q\n", ext.Name, ext.Params)
	}
	fmt.Println(exts[1])
	// Output:
	// permessage-deflate [{"client_max_window_bits" ""}]
	// foo [{"note" "a, b"}]
	// foo; note="a, b"
}

// greet sends one text frame, without a connection over it.
func greet(nc net.Conn, text string) error {
	h := frame.Header{Fin: true, Opcode: frame.Text, Length: int64(len(text))}
	_, err := nc.Write(append(h.Append(nil), text...))
	return err
}

// Both sides want compression, and the one that has less memory decides how much.
func ExampleDeflateConfig() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, &handshake.ServerConfig{
			Deflate: &handshake.DeflateConfig{ServerContextTakeover: true, ServerMaxWindowBits: 12},
		})
		if err == nil {
			u.Conn.Close()
		}
	}))
	defer s.Close()

	u, err := handshake.Connect(context.Background(), s.URL, &handshake.ClientConfig{
		Deflate: &handshake.DeflateConfig{ServerContextTakeover: true, ClientContextTakeover: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer u.Conn.Close()
	fmt.Println(u.Header.Get("Sec-WebSocket-Extensions"))
	fmt.Printf("%+v\n", *u.Deflate)
	// Output:
	// permessage-deflate; client_no_context_takeover; server_max_window_bits=12
	// {ServerNoContextTakeover:false ClientNoContextTakeover:true ServerMaxWindowBits:12 ClientMaxWindowBits:15}
}

// A handler upgrades, speaks frames, and closes. Connect is the other side.
func ExampleUpgrade() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, &handshake.ServerConfig{Subprotocols: []string{"greeting"}})
		if err != nil {
			return // the client has been told
		}
		defer u.Conn.Close()
		greet(u.Conn, "hello "+r.URL.Query().Get("name"))
	}))
	defer s.Close()

	u, err := handshake.Connect(context.Background(), s.URL+"/?name=world",
		&handshake.ClientConfig{Subprotocols: []string{"greeting"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer u.Conn.Close()
	rest, _ := io.ReadAll(u.Conn)
	frames := append(u.Buffered, rest...) // the first frame may have come with the 101
	h, n, err := frame.ParseHeader(frames)
	fmt.Println(u.Subprotocol)
	fmt.Println(h, err)
	fmt.Printf("%s\n", frames[n:])
	// Output:
	// greeting
	// TEXT FIN len=11 <nil>
	// hello world
}

// Without net/http: each connection of a listener is given to Accept. Check
// stands where a router would.
func ExampleAccept() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	cfg := &handshake.ServerConfig{
		Check: func(r *handshake.Request) error {
			if r.Path() != "/chat" {
				return &handshake.Error{Status: http.StatusNotFound}
			}
			return nil
		},
		KeepHeader: []string{"User-Agent"},
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				if u, err := handshake.Accept(nc, cfg); err == nil {
					greet(u.Conn, u.Header.Get("User-Agent"))
					u.Conn.Close()
				}
			}()
		}
	}()

	client := &handshake.ClientConfig{Header: http.Header{"User-Agent": {"example"}}}
	for _, path := range []string{"/chat", "/nowhere"} {
		u, err := handshake.Connect(context.Background(), "ws://"+ln.Addr().String()+path, client)
		if err != nil {
			fmt.Println(err)
			continue
		}
		rest, _ := io.ReadAll(u.Conn)
		fmt.Printf("%q\n", append(u.Buffered, rest...))
		u.Conn.Close()
	}
	// Output:
	// "\x81\aexample"
	// websocket handshake: status 404: the server did not upgrade to WebSocket, which would be status 101
}

// What the server answered is in the error.
func ExampleConnect() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}))
	defer s.Close()

	_, err := handshake.Connect(context.Background(), s.URL, nil)
	var failure *handshake.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status, failure.Header.Get("WWW-Authenticate"))
		fmt.Printf("%s", failure.Body)
	}
	// Output:
	// 401 Basic
	// who are you?
}
