package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// passing is a session between a raw end that sends bytes and a connection.
type passing struct {
	raw   *wstest.Conn // of the end that sends
	other *conn.Conn
	log   bytes.Buffer
	ended chan bool
}

// startPassing starts a session. role is that of the connection.
func startPassing(ctx context.Context, role frame.Role, max int64) *passing {
	client, toClient := wstest.Pipe()
	backend, toBackend := wstest.Pipe()
	p := &passing{ended: make(chan bool)}
	cfg := &conn.Config{MaxMessage: max, KeepAlive: conn.KeepAlive{Interval: -1}}
	if role == frame.Server {
		p.raw, p.other = client, conn.New(&handshake.Upgraded{Conn: backend, Role: role}, cfg)
	} else {
		p.raw, p.other = backend, conn.New(&handshake.Upgraded{Conn: client, Role: role}, cfg)
	}
	s := newSession(1, toClient, toBackend, false, log.New(&p.log, "", 0), 16)
	go func() {
		s.run(ctx)
		close(p.ended)
	}()
	return p
}

// answers is what the raw end reads until the stream ends.
type answers struct {
	pongs  [][]byte
	closes []frame.StatusCode
	rest   []frame.Header
}

func readAnswers(t *testing.T, r io.Reader, role frame.Role) (a answers) {
	frames, rules := frame.NewReader(r), frame.Validator{Role: role}
	for {
		h, err := frames.Next()
		if err != nil {
			require.Equal(t, io.EOF, err, "what the proxy sends are whole frames")
			return a
		}
		require.NoError(t, rules.Next(h))
		require.Empty(t, a.closes, "nothing follows a Close frame")
		payload, err := io.ReadAll(frames)
		require.NoError(t, err)
		switch h.Opcode {
		case frame.Pong:
			a.pongs = append(a.pongs, payload)
		case frame.Close:
			code, _, err := frame.ParseClose(payload)
			require.NoError(t, err)
			a.closes = append(a.closes, code)
		default:
			a.rest = append(a.rest, h)
		}
	}
}

// Every vector of RFC 6455, through the proxy: the messages arrive at the other end, the
// pongs and the status code come back, as if the proxy was not there.
func TestVectors(t *testing.T) {
	for _, v := range vectors.Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { passVector(t, v) })
		})
	}
}

func passVector(t *testing.T, v vectors.Vector) {
	limit := v.Max
	if limit == 0 {
		limit = -1
	}
	p := startPassing(t.Context(), v.Role, limit)
	if v.Code == frame.StatusMessageTooBig {
		v.Wire = append(v.Wire, 0) // frame.Writer passes on a header with the first byte of the payload
	}
	began := time.Now()
	var sent sync.WaitGroup
	sent.Go(func() {
		p.raw.Write(v.Wire)
		time.Sleep(time.Millisecond) // until all that can be passed on is
		p.raw.CloseWrite()
	})
	got := make(chan answers, 1)
	go func() { got <- readAnswers(t, p.raw, 1-v.Role) }()

	var messages []vectors.Message
	var err error
	for {
		var typ conn.MessageType
		var data []byte
		if typ, data, err = p.other.Read(t.Context()); err != nil {
			break
		}
		messages = append(messages, vectors.Message{Type: typ, Data: data})
	}
	require.Equal(t, len(v.Messages), len(messages))
	for i, m := range v.Messages {
		require.Equal(t, m.Type, messages[i].Type)
		require.True(t, bytes.Equal(m.Data, messages[i].Data))
	}
	a := <-got
	require.Empty(t, a.rest)
	if v.End != vectors.Failed { // a pong on its way is late if the proxy has failed the connection
		require.Equal(t, len(v.Pongs), len(a.pongs))
	}
	for i, pong := range a.pongs {
		require.True(t, bytes.Equal(v.Pongs[i], pong))
	}
	switch v.End {
	case vectors.Failed:
		require.Len(t, a.closes, 1)
		if !endpointsOnly(v.Code) || headerMistake(v) == 0 {
			require.Equal(t, v.Code, a.closes[0])
			break
		}
		// Behind what only an endpoint finds is a mistake that the proxy finds: they race.
		require.Contains(t, []frame.StatusCode{v.Code, headerMistake(v)}, a.closes[0])
	case vectors.Closed:
		require.Equal(t, []frame.StatusCode{v.Code}, a.closes)
		require.Equal(t, v.Code, conn.CloseStatus(err), "the other end learns how")
	default: // the raw end has left without a Close frame
		require.Contains(t, []frame.StatusCode{frame.StatusGoingAway, frame.StatusBadGateway, frame.StatusAbnormalClosure}, conn.CloseStatus(err))
	}
	sent.Wait()
	p.raw.Close()
	<-p.ended
	<-p.other.Done()
	require.Less(t, time.Since(began), closeTimeout, "nobody had to be cut off")
}

// endpointsOnly: the proxy looks neither at text nor at the length of messages.
func endpointsOnly(code frame.StatusCode) bool {
	return code == frame.StatusInvalidPayload || code == frame.StatusMessageTooBig
}

// headerMistake is the status code for the first mistake in the headers of a vector.
func headerMistake(v vectors.Vector) frame.StatusCode {
	frames, rules := frame.NewReader(bytes.NewReader(v.Wire)), frame.Validator{Role: v.Role}
	for {
		h, err := frames.Next()
		if err == nil {
			err = rules.Next(h)
		}
		var broken *frame.Error
		if errors.As(err, &broken) {
			return broken.Code
		}
		if err != nil {
			return 0
		}
	}
}

// A TiB in one frame: what is there of it is passed on, and no more is held than a piece.
func TestStreamsPayloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPassing(t.Context(), frame.Server, -1)
		const size = 1 << 40
		h := frame.Header{Opcode: frame.Binary, Fin: true, Length: size, Masked: true}
		_, err := p.raw.Write(h.Append(nil))
		require.NoError(t, err)
		go p.raw.Write(make([]byte, 1<<20))
		_, r, err := p.other.Reader(t.Context())
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 1<<20))
		require.NoError(t, err, "what is there of a frame is passed on")

		// A Close from the other side cannot be put into the frame, but passes back.
		go p.other.Close(conn.StatusMessageTooBig, "")
		require.Equal(t, []frame.StatusCode{frame.StatusMessageTooBig}, readAnswers(t, p.raw, frame.Client).closes)
		p.raw.Close()
		<-p.ended
		<-p.other.Done()
	})
}

// A peer that does not take part in the closing handshake is waited for no longer than
// closeTimeout.
func TestClosingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPassing(t.Context(), frame.Server, -1)
		began := time.Now()
		go p.other.Close(conn.StatusNormalClosure, "")
		<-p.ended
		require.Equal(t, closeTimeout, time.Since(began))
		<-p.other.Done()
		p.raw.Close()
	})
}

// When the program ends, both ends are told.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := startPassing(ctx, frame.Server, -1)
		synctest.Wait()
		stop()
		_, _, err := p.other.Read(t.Context())
		require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
		a := readAnswers(t, io.LimitReader(p.raw, 28), frame.Client) // the Close frame, and no end yet
		require.Equal(t, []frame.StatusCode{frame.StatusGoingAway}, a.closes)
		p.raw.Close()
		<-p.ended
	})
}

// What comes for an end that was sent a Close frame is read, dropped, and said to be.
func TestNothingFollowsAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		client, toClient := wstest.Pipe()
		backend, toBackend := wstest.Pipe()
		var logged bytes.Buffer
		s := newSession(1, toClient, toBackend, false, log.New(&logged, "", 0), 0)
		ended := make(chan bool)
		go func() {
			s.run(ctx)
			close(ended)
		}()
		stop()
		synctest.Wait()
		w := frame.NewWriter(client)
		masked := frame.Header{Opcode: frame.Text, Fin: true, Masked: true}
		require.NoError(t, w.WriteFrame(masked, []byte("too late")))
		masked.Opcode = frame.Close
		require.NoError(t, w.WriteFrame(masked, nil))
		require.NoError(t, frame.NewWriter(backend).WriteFrame(frame.Header{Opcode: frame.Close, Fin: true}, nil))
		client.CloseWrite()
		backend.CloseWrite()
		require.Equal(t, answers{closes: []frame.StatusCode{frame.StatusGoingAway}}, readAnswers(t, client, frame.Client))
		require.Equal(t, answers{closes: []frame.StatusCode{frame.StatusGoingAway}}, readAnswers(t, backend, frame.Server))
		<-ended
		require.Regexp(t, `client → TEXT FIN MASK len=8 in \S+ \(dropped`, logged.String())
		require.Contains(t, logged.String(), "over after 2 frames of the client and 1 of the server")
		client.Close()
		backend.Close()
	})
}

// Bytes of no sense: the proxy ends, and says nothing that is no frame.
func TestNoise(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 10))
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			p := startPassing(t.Context(), frame.Server, 1<<16)
			noise := make([]byte, rnd.IntN(200))
			for i := range noise {
				noise[i] = byte(rnd.Uint32())
			}
			go func() {
				p.raw.Write(noise)
				p.raw.CloseWrite()
			}()
			p.other.CloseRead(context.Background())
			readAnswers(t, p.raw, frame.Client)
			p.raw.Close()
			<-p.ended
			<-p.other.Done()
		})
	}
}
