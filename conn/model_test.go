package conn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Many goroutines do random things to a connection, and a model says what must
// come of it: a message whose Write returned nil arrives exactly once, one whose
// ctx ended at most once; each arrives whole, and each writer's in their order;
// nothing else arrives; what goes over the wire breaks no rule.
//
// A run is repeated, as far as goroutines allow, with
//
//	PARLEY_SEED=1234 go test -run TestModel ./conn
func TestModel(t *testing.T) {
	seed, rounds := rand.Uint64(), 20
	if s := os.Getenv("PARLEY_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		rounds = 1
	}
	for i := range rounds {
		t.Run(fmt.Sprintf("PARLEY_SEED=%d", seed+uint64(i)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := wstest.Pipe()
				runModel(t, seed+uint64(i), &tap{guarded: guarded{Conn: a, t: t}}, &tap{guarded: guarded{Conn: b, t: t}})
			})
			a, b := tcpPair(t)
			for _, nc := range []net.Conn{a, b} { // as little as there may be, so that writers are blocked
				require.NoError(t, nc.(*net.TCPConn).SetWriteBuffer(2048))
			}
			runModel(t, seed+uint64(i), a, b)
		})
	}
}

func runModel(t *testing.T, seed uint64, a, b net.Conn) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	client, server := newParty(t, a, frame.Client, rnd), newParty(t, b, frame.Server, rnd)
	var all sync.WaitGroup
	client.talkTo(server, &all)
	server.talkTo(client, &all)
	all.Wait()

	var closing sync.WaitGroup
	for _, c := range []*Conn{client.c, server.c, client.c} {
		closing.Go(func() {
			client.pause(3000)
			if err := c.Close(StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	closing.Wait()
	client.judge(t, server)
	server.judge(t, client)
}

// party is one side: a connection, what its program wrote, and what it read.
type party struct {
	t   *testing.T
	c   *Conn
	tap *tap // nil over TCP, where time is not ours either

	mu      sync.Mutex
	rnd     *rand.Rand
	wrote   []batch
	read    map[tag]int
	strange []string
}

// batch is what one call wrote: the messages of one writer from number first on.
type batch struct {
	writer, first, n int
	err              error
}

// tag is the number of a message: which writer's, and its how manieth.
type tag struct{ writer, number int }

// tap is a guarded pipe that keeps what is written to it.
type tap struct {
	guarded
	mu   sync.Mutex
	wire []byte
}

func (t *tap) Write(p []byte) (int, error) {
	n, err := t.guarded.Write(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wire = append(t.wire, p[:n]...)
	return n, err
}

func newParty(t *testing.T, nc net.Conn, role frame.Role, rnd *rand.Rand) *party {
	p := &party{
		t: t, c: New(upgraded(nc, role), calm(&Config{WriteTimeout: time.Hour, CloseTimeout: time.Hour})),
		rnd: rand.New(rand.NewPCG(rnd.Uint64(), 1)), read: map[tag]int{},
	}
	p.tap, _ = nc.(*tap)
	return p
}

// any returns a random number less than n. All goroutines of a party share its
// source.
func (p *party) any(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.rnd.IntN(n))
}

// pause lets others go first, for a random time.
func (p *party) pause(most int) {
	d := p.any(most) * time.Microsecond
	if p.tap == nil {
		runtime.Gosched()
		return
	}
	time.Sleep(d)
}

// squeeze changes how much the transport takes.
func (p *party) squeeze(n int) {
	if p.tap != nil {
		p.tap.SetBuffer(n)
	}
}

// ctx returns a random context: endless, with a deadline soon, or ended.
func (p *party) ctx() (context.Context, context.CancelFunc) {
	switch p.any(4) {
	case 0:
		return context.Background(), func() {}
	case 1:
		return context.WithCancel(p.c.Context())
	default:
		return context.WithTimeout(context.Background(), p.any(3000)*time.Microsecond)
	}
}

const (
	modelWriters = 5
	modelEach    = 12
)

// talkTo starts the goroutines of a party. The readers of the other one end when
// they have seen the end of every writer.
func (p *party) talkTo(other *party, all *sync.WaitGroup) {
	var writers sync.WaitGroup
	for w := range modelWriters {
		writers.Go(func() { p.writeAll(w) })
	}
	over, cancel := context.WithCancel(p.c.Context())
	context.AfterFunc(over, cancel)
	all.Go(func() {
		writers.Wait()
		if err := p.c.Write(context.Background(), Text, []byte("end")); err != nil {
			p.t.Error(err)
		}
	})
	for i := range 1 + int(p.any(3)) {
		all.Go(func() { other.readAll(i, cancel, over) })
	}
	all.Go(func() { p.disturb(over) })
}

// disturb pings, and changes how much the transport takes.
func (p *party) disturb(over context.Context) {
	for over.Err() == nil {
		ctx, cancel := context.WithTimeout(over, p.any(5000)*time.Microsecond)
		_, err := p.c.Ping(ctx)
		cancel()
		if err != nil && over.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			p.t.Error(err)
		}
		p.squeeze(int(p.any(1 << (10 + p.any(7)))))
		p.pause(2000)
	}
	p.squeeze(wstest.DefaultBuffer)
}

// writeAll is one writer. It numbers its messages, and notes what became of each.
func (p *party) writeAll(w int) {
	for first := 0; first < modelEach; {
		b := batch{writer: w, first: first, n: 1}
		how := p.any(9)
		if how == 0 {
			b.n = int(1 + p.any(4))
		}
		messages := make([]Message, b.n)
		for i := range messages {
			m := fmt.Appendf(nil, "%d %d ", w, first+i)
			messages[i] = Message{Binary, append(m, pattern(int(p.any(1<<p.any(17))))...)}
		}
		ctx, cancel := p.ctx()
		b.err = p.write(ctx, int(how), messages)
		cancel()
		if b.err != nil && !errors.Is(b.err, context.DeadlineExceeded) && b.err != ErrBacklog {
			p.t.Error(b.err)
			return
		}
		for _, m := range messages {
			clear(m.Data) // it is ours again
		}
		p.mu.Lock()
		p.wrote = append(p.wrote, b)
		p.mu.Unlock()
		first += b.n
		p.pause(500)
	}
}

// write writes messages in one of the ways. But for the first there is only one.
func (p *party) write(ctx context.Context, how int, messages []Message) error {
	m := messages[0].Data
	prepared, err := NewPrepared(Binary, m)
	if err != nil {
		return err
	}
	switch how {
	case 0:
		return p.c.WriteBatch(ctx, messages...)
	case 1:
		return p.stream(m)
	case 2:
		return p.c.TryWrite(Binary, m)
	case 3:
		return p.c.TryWritePrepared(prepared)
	case 4, 5:
		return p.c.WritePrepared(ctx, prepared)
	default:
		return p.c.Write(ctx, Binary, m)
	}
}

// stream writes a message in random fragments. It is not cancelled, for that
// would end the connection.
func (p *party) stream(m []byte) error {
	w, err := p.c.Writer(context.Background(), Binary)
	if err != nil {
		return err
	}
	for len(m) > 0 && err == nil {
		n := min(len(m), 1+int(p.any(1<<p.any(15))))
		_, err = w.Write(m[:n])
		m = m[n:]
		if p.any(3) == 0 {
			err = errors.Join(err, w.(flusher).Flush())
		}
		p.pause(100)
	}
	return errors.Join(err, w.Close())
}

// readAll is one reader. The first of them to see the end ends all.
func (p *party) readAll(i int, cancel context.CancelFunc, over context.Context) {
	last := map[int]int{}
	for over.Err() == nil {
		w := ways[p.any(3)]
		ctx, done := context.WithTimeout(over, p.any(3000)*time.Microsecond)
		m := w.receive(ctx, p.c)
		done()
		switch {
		case m.Err != nil && over.Err() == nil && !errors.Is(m.Err, context.DeadlineExceeded):
			p.t.Error(m.Err)
			cancel()
		case m.Err != nil:
		case m.Type == Text:
			cancel()
		default:
			p.note(m.Data, last)
		}
		p.pause(300)
	}
}

func (p *party) note(data string, last map[int]int) {
	var m tag
	_, err := fmt.Sscanf(data, "%d %d ", &m.writer, &m.number)
	head := fmt.Sprintf("%d %d ", m.writer, m.number)
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := strings.CutPrefix(data, head)
	if err != nil || body != string(pattern(len(body))) || len(data) != len(head)+len(body) {
		p.strange = append(p.strange, fmt.Sprintf("%.40q", data))
		return
	}
	p.read[m]++
	if before, ok := last[m.writer]; ok && before >= m.number {
		p.strange = append(p.strange, fmt.Sprintf("%v came after %d", m, before))
	}
	last[m.writer] = m.number
}

// judge compares what this party wrote with what the other one read.
func (p *party) judge(t *testing.T, other *party) {
	t.Helper()
	require.Empty(t, other.strange)
	for _, b := range p.wrote {
		arrived := 0
		for i := range b.n {
			n := other.read[tag{b.writer, b.first + i}]
			require.LessOrEqual(t, n, 1, "%+v: message %d arrived %d times", b, i, n)
			if n > 0 {
				require.Equal(t, i, arrived, "%+v: message %d arrived without those before it", b, i)
				arrived++
			}
		}
		switch b.err {
		case nil:
			require.Equal(t, b.n, arrived, "%+v was written, and %d arrived", b, arrived)
		case ErrBacklog:
			require.Zero(t, arrived, "%+v was refused, and arrived", b)
		}
	}
	if p.tap != nil {
		said := frames(t, p.c.out.role, p.tap.wire)
		require.Equal(t, frame.Close, said[len(said)-1].Opcode)
	}
}
