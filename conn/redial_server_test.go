package conn

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mortal is a server of net/http that can be killed, and started again somewhere else:
// the port might be another's by then.
type mortal struct {
	t       *testing.T
	addr    atomic.Pointer[string] // nil while there is no server
	clients *Group
	server  *http.Server
	served  <-chan error
}

func (m *mortal) start() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(m.t, err)
	addr := l.Addr().String()
	m.addr.Store(&addr)
	clients := new(Group)
	m.clients = clients
	m.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: Handler(nil, func(ctx context.Context, c *Conn) error {
		clients.Add(c)
		return echo(ctx, c)
	})}
	server := m.server
	m.served = call(func() error { return server.Serve(l) })
}

// dial stands for a dial of the server's port, which another program might have while
// it is not ours.
func (m *mortal) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	addr := m.addr.Load()
	if addr == nil {
		return nil, syscall.ECONNREFUSED
	}
	return new(net.Dialer).DialContext(ctx, network, *addr)
}

// kill ends the server and all its connections without a word.
func (m *mortal) kill() {
	require.NoError(m.t, m.server.Close())
	require.ErrorIs(m.t, <-m.served, http.ErrServerClosed)
	m.addr.Store(nil)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	m.clients.Shutdown(ended)
}

// retire ends the server and tells its clients.
func (m *mortal) retire() {
	require.NoError(m.t, m.server.Shutdown(m.t.Context()))
	require.ErrorIs(m.t, <-m.served, http.ErrServerClosed)
	m.addr.Store(nil)
	require.NoError(m.t, m.clients.Shutdown(m.t.Context()))
}

// A client survives its servers, over TCP.
func TestRedialSurvivesServers(t *testing.T) {
	m := &mortal{t: t}
	m.start()
	opts := &DialOptions{NetDial: m.dial}
	generation, failed := 0, 0
	for c, err := range Redial(t.Context(), "ws://server.example/", opts, &RedialPolicy{
		FirstWait: time.Millisecond,
		MaxWait:   10 * time.Millisecond,
		Waiting: func(time.Duration, error) {
			if failed++; failed%4 == 0 { // three attempts in vain for each death
				m.start()
			}
		},
	}) {
		require.NoError(t, err)
		for i := range 10 {
			text := strconv.Itoa(generation*10 + i)
			require.NoError(t, c.Write(t.Context(), Text, []byte(text)))
			ways[0].want(t, c, received{Type: Text, Data: text})
		}
		if generation++; generation == 6 {
			require.NoError(t, c.Close(StatusNormalClosure, ""))
			break
		}
		if generation%2 == 0 {
			m.kill()
		} else {
			retired := make(chan struct{})
			go func() { defer close(retired); m.retire() }()
			listen(t.Context(), c)
			<-retired
		}
	}
	require.Equal(t, 6, generation)
	require.Equal(t, 5*4, failed)
	m.kill()
}
