package conn

import (
	"sync"

	"github.com/parleyws/websocket/internal/bufpool"
)

// workers are goroutines that call the handler of a Server off its loops. What is to
// be done for a connection is done in its order and never twice at once: it is in the
// line of the connection, and the connection in the line for a worker.
type workers struct {
	server *Server

	mu    sync.Mutex
	some  sync.Cond // there is a connection in the line, or over
	line  []*Conn
	front int
	over  bool
}

// job is a call of the handler.
type job struct {
	what calling
	typ  MessageType
	data *bufpool.Buffer // the message, in memory of its own
}

type calling uint8

const (
	toMessage calling = iota
	toOpen
	toClose
)

// jobs is the line of a connection, guarded by Conn.mu.
type jobs struct {
	line   []job
	bytes  int
	taken  bool // a worker has it, or it is in the line for one
	paused bool // nothing is read as long as there is so much
}

// Bounds of a connection's line.
const (
	maxJobs     = 64
	maxJobBytes = 256 << 10
)

// maxTurns is how many jobs of a connection are done before it is another's turn.
const maxTurns = 16

func newWorkers(s *Server) *workers {
	w := &workers{server: s}
	w.some.L = &w.mu
	for range s.Workers {
		s.running.Go(w.run)
	}
	return w
}

func (w *workers) addMessage(c *Conn, m Message) {
	b := bufpool.Get(len(m.Data))
	b.B = b.B[:copy(b.B, m.Data)]
	w.add(c, job{what: toMessage, typ: m.Type, data: b})
}

// add puts a job into the line of a connection.
func (w *workers) add(c *Conn, j job) {
	c.mu.Lock()
	r := c.rarities()
	if r.jobs == nil {
		r.jobs = new(jobs)
	}
	line := r.jobs
	line.line = append(line.line, j)
	if j.data != nil {
		line.bytes += len(j.data.B)
	}
	first := !line.taken
	line.taken = true
	c.mu.Unlock()
	if first {
		w.enqueue(c)
	}
}

func (w *workers) enqueue(c *Conn) {
	w.mu.Lock()
	if w.front > 0 && len(w.line) == cap(w.line) {
		n := copy(w.line, w.line[w.front:])
		clear(w.line[n:])
		w.line, w.front = w.line[:n], 0
	}
	w.line = append(w.line, c)
	w.mu.Unlock()
	w.some.Signal()
}

// next waits for a connection that has something to be done. It returns nil in the
// end.
func (w *workers) next() *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.front == len(w.line) && !w.over {
		w.some.Wait()
	}
	if w.front == len(w.line) {
		return nil
	}
	c := w.line[w.front]
	w.line[w.front] = nil
	w.front++
	return c
}

func (w *workers) stop() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.some.Broadcast()
}

// run is a worker.
func (w *workers) run() {
	for c := w.next(); c != nil; c = w.next() {
		w.work(c)
	}
}

// work does some jobs of a connection.
func (w *workers) work(c *Conn) {
	done := false
	defer func() {
		if !done { // the handler has called runtime.Goexit
			w.server.logf("conn: a worker has ended with its goroutine; there is another now")
			c.CloseNow()
			w.server.running.Go(w.run)
			w.enqueue(c)
		}
	}()
	for range maxTurns {
		j, ok := c.nextJob()
		if !ok {
			done = true
			return
		}
		w.do(c, j)
	}
	done = true
	w.enqueue(c)
}

func (w *workers) do(c *Conn, j job) {
	switch j.what {
	case toOpen:
		w.server.opened(c)
	case toMessage:
		w.server.message(c, Message{j.typ, j.data.B})
		j.data.Release()
	case toClose:
		defer w.server.leave()
		w.server.closed(c)
	}
}

// nextJob takes the next job out of the line of a connection. It reports whether there
// is one, and if not gives the line up.
func (c *Conn) nextJob() (j job, ok bool) {
	c.mu.Lock()
	line := c.more.rare.jobs
	if len(line.line) == 0 {
		line.taken, line.line = false, nil
		c.mu.Unlock()
		return j, false
	}
	j = line.line[0]
	line.line[0] = job{}
	line.line = line.line[1:]
	if j.data != nil {
		line.bytes -= len(j.data.B)
	}
	resume := line.paused && len(line.line) <= maxJobs/2 && line.bytes <= maxJobBytes/2
	line.paused = line.paused && !resume
	c.mu.Unlock()
	if resume {
		c.socket().loop.post(c)
	}
	return j, true
}

// mustWaitForWorkers reports whether so much is to be done already that nothing is to
// be read. The loop is told when that has changed.
func (c *Conn) mustWaitForWorkers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := c.ifRare().jobs
	if line == nil {
		return false
	}
	line.paused = len(line.line) >= maxJobs || line.bytes >= maxJobBytes
	return line.paused
}
