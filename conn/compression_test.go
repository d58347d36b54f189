package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// compressing returns a Config with which both sides compress everything.
func compressing(takeover bool, bits int) *Config {
	return &Config{Compression: &Compression{
		MinSize:               -1,
		ServerContextTakeover: takeover, ClientContextTakeover: takeover,
		ServerMaxWindowBits: bits, ClientMaxWindowBits: bits,
	}}
}

// chatter returns n bytes of JSON that looks like somebody's messages.
func chatter(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(7692, seed))
	names := []string{"ada", "grace", "edsger", "barbara", "tony", "李明"}
	words := strings.Fields("the quick brown fox jumps over a lazy dog while nobody looks and 日本語 too")
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"from":%q,"text":"`, rnd.IntN(1<<20), names[rnd.IntN(len(names))])
		for range 3 + rnd.IntN(9) {
			b.WriteString(words[rnd.IntN(len(words))] + " ")
		}
		b.WriteString(`"}`)
	}
	return bytes.ToValidUTF8(b.Bytes()[:n], []byte("."))
}

// What goes in at one side comes out at the other, whatever its size and however
// it is written and read.
func TestCompressedEcho(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, bits := range []int{8, 9, 12, 15} {
			t.Run(fmt.Sprintf("takeover %v, %d bits", takeover, bits), func(t *testing.T) {
				client, server := Pipe(compressing(takeover, bits), compressing(takeover, bits))
				defer client.CloseNow()
				defer server.CloseNow()
				go echo(t.Context(), server)
				for i, n := range []int{0, 1, 16, 125, 126, 1000, 4095, 4096, 4097, 65535, 65536, 200_000} {
					sent := chatter(n, uint64(i))
					require.NoError(t, client.Write(t.Context(), Text, sent))
					typ, got, err := client.Read(t.Context())
					require.NoError(t, err)
					require.Equal(t, Text, typ)
					require.True(t, bytes.Equal(sent, got), "%d bytes", n)
				}
			})
		}
	}
}

// RFC 7692, section 7.2.3.6 and RFC.md rule 35: fragments of a compressed message,
// written as they come and read as they come, with RSV1 on the first only.
func TestRule35CompressedStream(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		client, server := Pipe(compressing(takeover, 15), compressing(takeover, 15))
		defer client.CloseNow()
		defer server.CloseNow()
		for round := range 3 {
			sent := chatter(100_000, uint64(round))
			go func() {
				w, err := client.Writer(t.Context(), Text)
				if err != nil {
					return
				}
				for p := sent; len(p) > 0; {
					n := min(len(p), 1+rand.IntN(9000))
					w.Write(p[:n])
					p = p[n:]
				}
				w.Close()
			}()
			_, r, err := server.Reader(t.Context())
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.True(t, bytes.Equal(sent, got))
		}
	}
}

// Every message arrives whole when many are written at once.
func TestCompressedFromManyGoroutines(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		client, server := connPairWith(t, compressing(takeover, 12))
		const writers, each = 8, 100
		for w := range writers {
			go func() {
				for i := range each {
					p := chatter(50+i*13, uint64(w*each+i))
					if err := client.Write(context.Background(), Text, p); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		got := make(map[string]int)
		for range writers * each {
			_, p, err := server.Read(t.Context())
			require.NoError(t, err)
			got[string(p)]++
		}
		for w := range writers {
			for i := range each {
				require.Equal(t, 1, got[string(chatter(50+i*13, uint64(w*each+i)))])
			}
		}
	}
}

// connPairWith returns two connections over TCP that have agreed on what cfg says
// of compression.
func connPairWith(tb testing.TB, cfg *Config) (client, server *Conn) {
	a, b := tcpPair(tb)
	ua, ub := upgraded(a, frame.Client), upgraded(b, frame.Server)
	ua.Deflate = agreement(cfg, cfg)
	ub.Deflate = ua.Deflate
	client, server = New(ua, cfg), New(ub, cfg)
	tb.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
		<-client.Done()
		<-server.Done()
	})
	return client, server
}
