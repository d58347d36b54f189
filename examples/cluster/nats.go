package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Messages are in one JetStream stream for all rooms, each room a subject of it, so the
// sequence of the stream numbers them. Signals and presence are plain NATS.
const (
	streamName     = "CLUSTER"
	messageSubject = "cluster.message."
	signalSubject  = "cluster.signal."
	presentSubject = "cluster.present."
)

// streamConfig is the stream as it is made if there is none; one that an administrator
// has made is taken as it is.
var streamConfig = jetstream.StreamConfig{
	Name:              streamName,
	Subjects:          []string{messageSubject + "*"},
	Storage:           jetstream.FileStorage,
	Replicas:          1, // 3 where NATS is a cluster: then no one machine has to be up
	MaxMsgsPerSubject: 10_000,
	MaxAge:            30 * 24 * time.Hour,
	MaxMsgSize:        2 * maxRequest,
	// A client that sends again first sees what has come meanwhile, its own messages
	// too; so this has to cover only what was on its way when the connection was lost.
	Duplicates: 2 * time.Minute,
}

// natsBroker is a Broker for servers on many machines.
type natsBroker struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	log    string
	server string        // the name of this one among the servers
	beat   time.Duration // so often servers say that they are there; after three that are missing they are not
	errors *log.Logger
}

func connectNATS(ctx context.Context, url string, beat time.Duration, logger *log.Logger) (*natsBroker, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTime)
	defer cancel()
	nc, err := nats.Connect(url,
		nats.Name("parley cluster example"),
		nats.Timeout(brokerTime),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.PingInterval(10*time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Printf("NATS is away: %v", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { logger.Print("NATS is back") }),
	)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	b := &natsBroker{nc: nc, server: nuid.Next(), beat: beat, errors: logger}
	if err := b.openStream(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%s, stream %s: %w", url, streamName, err)
	}
	return b, nil
}

func (b *natsBroker) openStream(ctx context.Context) (err error) {
	if b.js, err = jetstream.New(b.nc); err != nil {
		return err
	}
	b.stream, err = b.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		b.stream, err = b.js.CreateStream(ctx, streamConfig)
	}
	if err != nil {
		return err
	}
	b.log = strconv.FormatInt(b.stream.CachedInfo().Created.UnixNano(), 36)
	return nil
}

func (b *natsBroker) Log() string   { return b.log }
func (b *natsBroker) Healthy() bool { return b.nc.IsConnected() }
func (b *natsBroker) Close()        { b.nc.Close() }

func (b *natsBroker) Publish(ctx context.Context, room, id string, data []byte) (uint64, error) {
	m := &nats.Msg{Subject: messageSubject + room, Data: data}
	ack, err := b.js.PublishMsg(ctx, m, jetstream.WithMsgID(room+"/"+id), jetstream.WithExpectStream(streamName))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func (b *natsBroker) Signal(room string, data []byte) error {
	return b.nc.Publish(signalSubject+room, data)
}

// History asks the leader of the stream for the last message first, for a consumer may be
// on a machine that is behind; it then waits for that.
func (b *natsBroker) History(ctx context.Context, room string, after uint64, limit int) (messages []Stored, err error) {
	last, err := b.stream.GetLastMsgForSubject(ctx, messageSubject+room)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && last.Sequence <= after {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	consumer, err := b.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: messageSubject + room,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 2 * brokerTime,
	})
	if err != nil {
		return nil, err
	}
	defer b.stream.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name)
	in, err := consumer.Messages(jetstream.PullMaxMessages(limit))
	if err != nil {
		return nil, err
	}
	defer in.Stop()
	for len(messages) < limit {
		m, err := in.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		messages = append(messages, Stored{meta.Sequence.Stream, m.Data()})
		if meta.Sequence.Stream >= last.Sequence {
			break
		}
	}
	return messages, nil
}

// Subscribe has an ordered consumer for the room, which the client library makes anew
// where it has stopped if NATS was away. Where a server has thousands of rooms, one
// consumer for all of them is cheaper.
func (b *natsBroker) Subscribe(ctx context.Context, room string, l Listener) (_ Subscription, err error) {
	s := &natsSubscription{
		broker: b, room: room, listener: l,
		servers: make(map[string]presence), done: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := s.listen(signalSubject, func(m *nats.Msg) { l.Signal(m.Data) }); err != nil {
		return nil, err
	}
	if err := s.listen(presentSubject, s.hear); err != nil {
		return nil, err
	}
	info, err := b.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	s.after = info.State.LastSeq
	consumer, err := b.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{messageSubject + room},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.after + 1,
	})
	if err != nil {
		return nil, err
	}
	s.messages, err = consumer.Consume(s.message, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		b.errors.Printf("room %s: %v", room, err)
	}))
	if err != nil {
		return nil, err
	}
	s.tell(true)
	s.beating.Go(s.beatOn)
	return s, nil
}

// natsSubscription is this server's part in a room. Servers tell each other who is with
// them: when that changes, when a new one asks, and with every beat.
type natsSubscription struct {
	broker   *natsBroker
	room     string
	listener Listener
	after    uint64
	plain    []*nats.Subscription
	messages jetstream.ConsumeContext
	done     chan struct{}
	beating  sync.WaitGroup

	mu      sync.Mutex
	own     []string
	servers map[string]presence // the others
}

// presence is what a server says of a room.
type presence struct {
	Server string   `json:"server"`
	Names  []string `json:"names"`
	Ask    bool     `json:"ask,omitempty"` // the others are to say so too

	heard time.Time
}

func (s *natsSubscription) After() uint64 { return s.after }

func (s *natsSubscription) listen(subject string, f nats.MsgHandler) error {
	sub, err := s.broker.nc.Subscribe(subject+s.room, f)
	if err == nil {
		s.plain = append(s.plain, sub)
	}
	return err
}

func (s *natsSubscription) message(m jetstream.Msg) {
	if meta, err := m.Metadata(); err == nil {
		s.listener.Message(Stored{meta.Sequence.Stream, m.Data()})
	}
}

func (s *natsSubscription) Announce(names []string) {
	s.mu.Lock()
	s.own = names
	s.present()
	s.mu.Unlock()
	s.tell(false)
}

// tell says who is here. If it gets lost, the next beat says it again.
func (s *natsSubscription) tell(ask bool) {
	s.mu.Lock()
	p, _ := json.Marshal(presence{Server: s.broker.server, Names: s.own, Ask: ask})
	s.mu.Unlock()
	s.broker.nc.Publish(presentSubject+s.room, p)
}

// hear is told what some server says, this one too.
func (s *natsSubscription) hear(m *nats.Msg) {
	var p presence
	if json.Unmarshal(m.Data, &p) != nil || p.Server == s.broker.server {
		return
	}
	p.heard = time.Now()
	s.mu.Lock()
	if len(p.Names) == 0 {
		delete(s.servers, p.Server)
	} else {
		s.servers[p.Server] = p
	}
	s.present()
	s.mu.Unlock()
	if p.Ask {
		s.tell(false)
	}
}

func (s *natsSubscription) beatOn() {
	beat := time.NewTicker(s.broker.beat)
	defer beat.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-beat.C:
		}
		s.tell(false)
		s.mu.Lock()
		n := len(s.servers)
		maps.DeleteFunc(s.servers, func(_ string, p presence) bool { return time.Since(p.heard) > 3*s.broker.beat })
		if len(s.servers) != n {
			s.present()
		}
		s.mu.Unlock()
	}
}

// present tells the listener who is in the room, here and elsewhere. The caller holds mu.
func (s *natsSubscription) present() {
	names := slices.Clone(s.own)
	for _, p := range s.servers {
		names = append(names, p.Names...)
	}
	slices.Sort(names)
	s.listener.Present(slices.Compact(names))
}

func (s *natsSubscription) Close() {
	s.stop()
	s.mu.Lock()
	s.own = nil
	s.mu.Unlock()
	s.tell(false)
}

// stop ends what Subscribe has begun.
func (s *natsSubscription) stop() {
	close(s.done)
	s.beating.Wait()
	if s.messages != nil {
		s.messages.Stop()
		<-s.messages.Closed()
	}
	for _, sub := range s.plain {
		sub.Unsubscribe()
	}
}
