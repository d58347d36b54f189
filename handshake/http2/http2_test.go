// Package http2_test is outside of the package, as programs are: tests inside make it
// import what they import.
package http2_test

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/parleyws/websocket/handshake/http2"
)

// The program is this test, run anew, which imports net/http and much else. What it
// finds in GODEBUG, and whether its servers announce extended CONNECT:
func TestNetHTTPFindsTheSetting(t *testing.T) {
	for _, tt := range []struct{ godebug, want, says string }{
		{"", "http2xconnect=1", "announced"},
		{"http2client=1", "http2client=1,http2xconnect=1", "announced"},
		{"a=1,b=2", "a=1,b=2,http2xconnect=1", "announced"},
		{"nohttp2xconnect=0", "nohttp2xconnect=0,http2xconnect=1", "announced"},
		{"http2xconnect=1", "http2xconnect=1", "announced"},
		{"http2xconnect=0", "http2xconnect=0", "not announced"},
		{"a=1,http2xconnect=0,b=2", "a=1,http2xconnect=0,b=2", "not announced"},
		{"a=1, http2xconnect=0", "a=1, http2xconnect=0", "not announced"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProgram$")
		cmd.Env = append(os.Environ(), "PARLEY_PROGRAM=1", "GODEBUG="+tt.godebug)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		said, _, _ := strings.Cut(string(out), "\n")
		require.Equal(t, tt.says+" "+tt.want, said, "with GODEBUG=%s", tt.godebug)
	}
}

// What this package imports has to be initialised before net/http is, and so does it.
func TestImports(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "http2.go", nil, parser.ImportsOnly)
	require.NoError(t, err)
	for _, imported := range f.Imports {
		require.Contains(t, []string{`"os"`, `"strings"`}, imported.Path.Value)
	}
	require.Len(t, f.Imports, 2)
}

// TestProgram is the program of the test above.
func TestProgram(t *testing.T) {
	if os.Getenv("PARLEY_PROGRAM") == "" {
		t.Skip("run by TestNetHTTPFindsTheSetting, in a process of its own")
	}
	says := "not announced"
	if announces(t) {
		says = "announced"
	}
	fmt.Println(says, os.Getenv("GODEBUG"))
}

// announces reports whether the first SETTINGS of an HTTP/2 server of net/http say
// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441, section 3).
func announces(t *testing.T) bool {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	nc, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	require.NoError(t, err)
	var head [9]byte
	_, err = io.ReadFull(nc, head[:])
	require.NoError(t, err)
	require.EqualValues(t, 4, head[3], "the first frame is SETTINGS (RFC 9113, section 3.4)")
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(nc, settings)
	require.NoError(t, err)
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 8 && binary.BigEndian.Uint32(settings[2:]) == 1 {
			return true
		}
	}
	return false
}
