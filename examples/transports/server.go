package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// How long the server waits for a client.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = time.Minute      // between two requests of a connection
	writeTimeout      = 10 * time.Second // for a response, or for each piece of a stream
)

// server is one source of events, and all the ways to it.
type server struct {
	hub     *hub
	tallies map[string]*tally // by the name of the transport
	sockets sockets
	extra   func(mux *http.ServeMux) // what there is besides the transports; nil: nothing
}

func newServer(rate float64) *server {
	s := &server{hub: newHub(rate), tallies: map[string]*tally{}}
	for _, t := range transports {
		s.tallies[t.name] = new(tally)
	}
	return s
}

// serve runs the server until ctx ends, and returns when every client has been
// told and every goroutine has ended.
func (s *server) serve(ctx context.Context, ln net.Listener, errorLog *log.Logger) error {
	running, stop := context.WithCancel(ctx)
	mux := http.NewServeMux()
	for _, t := range transports {
		mux.Handle("GET /"+t.name, counted(s.tallies[t.name], t.whole, t.serve(s, s.tallies[t.name])))
	}
	if s.extra != nil {
		s.extra(mux)
	}
	// Pages of other origins may not change anything here.
	sameOrigin := http.NewCrossOriginProtection()
	srv := &http.Server{
		Handler:           withoutBody(sameOrigin.Handler(mux)),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		// A stream moves its own deadline, see send. There is no ReadTimeout:
		// no request here has a body, and it would end the streams.
		WriteTimeout:   writeTimeout,
		MaxHeaderBytes: 16 << 10,
		BaseContext:    func(net.Listener) context.Context { return running }, // ends the streams
		ConnContext:    withConn,
		ErrorLog:       errorLog,
	}
	var all sync.WaitGroup
	all.Go(func() { s.hub.run(running) })
	all.Go(func() { s.broadcast(running, s.tallies[webSocket.name]) })
	all.Go(func() {
		<-running.Done()
		shutdown(srv, &s.sockets)
	})
	err := srv.Serve(ln)
	stop()
	all.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// shutdown gives requests and WebSockets a moment to end by themselves.
func shutdown(srv *http.Server, ws *sockets) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = ws.group.Shutdown(ctx) // 1001; forces those that do not answer
	if srv.Shutdown(ctx) != nil {
		srv.Close()
	}
}

// withoutBody refuses requests with a body: net/http would wait for it, without
// a time limit, as there is no ReadTimeout.
func withoutBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			http.NewResponseController(w).SetReadDeadline(time.Now())
			w.Header().Set("Connection", "close")
			http.Error(w, "no request here has a body", http.StatusRequestEntityTooLarge)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// live adds the page, and what it asks for.
func (s *server) live(m *meter, measure http.Handler) {
	s.extra = func(mux *http.ServeMux) {
		handle := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, counted(&m.other, false, h)) }
		handle("GET /{$}", servePage)
		handle("GET /clock", serveClock)
		handle("GET /stats", s.serveStats)
		handle("POST /rate", s.serveRate)
		handle("POST /measure", measure.ServeHTTP)
	}
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	isolate(w)
	w.Write(page)
}

// isolate has the browser give the page a clock of 5 microseconds, in place of
// 100: what is on it comes from this origin alone. The page in the iframe has to
// say so too.
func isolate(w http.ResponseWriter) {
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
}

// serveClock tells the time, for the page to compare with its own.
func serveClock(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(strconv.AppendInt(nil, time.Now().UnixMicro(), 10))
}

type stats struct {
	Rate       float64            `json:"rate"`
	Transports map[string]figures `json:"transports"`
}

func (s *server) serveStats(w http.ResponseWriter, _ *http.Request) {
	st := stats{Rate: s.hub.currentRate(), Transports: map[string]figures{}}
	for name, t := range s.tallies {
		st.Transports[name] = t.read()
	}
	writeJSON(w, st)
}

func (s *server) serveRate(w http.ResponseWriter, r *http.Request) {
	rate, err := strconv.ParseFloat(r.URL.Query().Get("per_second"), 64)
	if err != nil || rate != rate { // not a number
		http.Error(w, "per_second is a number", http.StatusBadRequest)
		return
	}
	s.hub.setRate(rate)
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: what goes to the page is plain data: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(text)
}
