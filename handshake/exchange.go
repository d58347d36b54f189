package handshake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/parleyws/websocket/frame"
)

const (
	// maxInterim bounds the 1xx responses before the final one.
	maxInterim = 8

	// bodyTime bounds the wait for the body of a refusal, which is good to have
	// but need not be complete.
	bodyTime = 5 * time.Second
)

// exchange sends the request and reads the response. Nothing else is sent before
// the 101: a server that refuses would take it for another request (RFC 9931).
// What the server has said before that is early.
func (c *client) exchange(ctx context.Context, nc net.Conn, early []byte, t *target) (*Upgraded, *Error) {
	key := NewKey() // "The value of this header field MUST be a nonce"
	header := c.requestHeader(t)
	if _, err := nc.Write(appendRequest(nil, t.uri, key, c.cfg, header)); err != nil {
		return nil, &Error{Reason: "cannot send the request to " + t.addr, Err: err}
	}
	in := c.newReader(nc)
	in.buf = early
	r, n, err := readResponse(in)
	if err != nil {
		return nil, unreadableResponse(err)
	}
	c.takeCookies(t, r.header)
	failure := &Error{Status: r.status, Header: r.header}
	if r.status != http.StatusSwitchingProtocols {
		failure.Reason = "the server did not upgrade to WebSocket, which would be status 101"
		failure.noteRedirect()
		failure.Body = c.readBody(ctx, nc, in)
		return nil, failure
	}
	granted, fault := judgeResponse(r, key, c.cfg)
	if fault != "" {
		failure.Reason = fault
		return nil, failure
	}
	return &Upgraded{
		Conn:        nc,
		Buffered:    in.rest(n),
		Role:        frame.Client,
		Subprotocol: granted.subprotocol,
		Deflate:     granted.deflate,
		URI:         t.uri,
		Host:        header.Get("Host"),
		Header:      r.header,
	}, nil
}

// takeCookies gives the jar what the response has for it.
func (c *client) takeCookies(t *target, header http.Header) {
	if c.cfg.Jar == nil {
		return
	}
	if cookies := (&http.Response{Header: header}).Cookies(); len(cookies) > 0 {
		c.cfg.Jar.SetCookies(t.cookieURL(), cookies)
	}
}

func (c *client) newReader(nc net.Conn) *headReader {
	return &headReader{
		src:   nc,
		limit: positiveOr(c.cfg.MaxHeaderBytes, defaultMaxResponseBytes),
		head: head{
			checkStart: checkStatusLine,
			maxFields:  positiveOr(c.cfg.MaxHeaders, defaultMaxResponseLines),
			unfold:     true,
		},
	}
}

// readResponse reads the final response, and returns the length of its head,
// which is where in.buf then begins.
func readResponse(in *headReader) (r *response, n int, err error) {
	for range maxInterim + 1 {
		if n, err = in.read(); err != nil {
			return nil, 0, err
		}
		if r = newResponse(&in.head); !r.isInterim() {
			return r, n, nil
		}
		in.next(n)
	}
	return nil, 0, malformed("too many interim responses")
}

func unreadableResponse(err error) *Error {
	var bad *headError
	if errors.As(err, &bad) {
		return &Error{Reason: "the response is not acceptable: " + bad.reason}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Reason: "no response came", Err: err}
}

// readBody returns the start of the body of the response whose head in.buf begins
// with, as much as comes within bounds.
func (c *client) readBody(ctx context.Context, nc net.Conn, in *headReader) []byte {
	nc.SetReadDeadline(time.Now().Add(bodyTime))
	if ctx.Err() != nil {
		interrupt(nc) // the watch may have done it before our deadline undid it
	}
	stream := bufio.NewReader(io.MultiReader(bytes.NewReader(in.buf), nc))
	r, err := http.ReadResponse(stream, nil) // knows chunks and lengths
	if err != nil {
		return nil
	}
	limit := int64(positiveOr(c.cfg.MaxBodyBytes, defaultMaxBodyBytes))
	body, _ := io.ReadAll(io.LimitReader(r.Body, limit))
	return body
}
