package conn

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/parleyws/websocket/handshake"
)

// A connection of Handler has the values of its request's context. What net/http puts
// around the context of the server for each request takes 320 bytes, as long as the
// connection lives, and none of it is of use any more: two contexts for the end of the
// request, and the local address, which the connection knows. So it is taken off, as far
// as it is found to be what it is known to be.

var (
	cancelContext = typeAround(func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	})
	valueContext = typeAround(func(ctx context.Context) context.Context {
		return context.WithValue(ctx, http.LocalAddrContextKey, 0)
	})
)

// words are an interface value as it lies in memory: what stands for its type, and the
// pointer that is its value, if it is one.
type words struct{ typ, value unsafe.Pointer }

func wordsOf(ctx *context.Context) *words { return (*words)(unsafe.Pointer(ctx)) }

// typeAround returns what stands for the type of the contexts that wrap makes, or nil if
// they do not begin with what they are around.
func typeAround(wrap func(context.Context) context.Context) unsafe.Pointer {
	ctx := wrap(context.Background())
	t := reflect.TypeOf(ctx)
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() == 0 {
		return nil
	}
	if f := t.Elem().Field(0); f.Name != "Context" || f.Type != reflect.TypeFor[context.Context]() || f.Offset != 0 {
		return nil
	}
	return wordsOf(&ctx).typ
}

// unwrap returns the context that ctx is around, if ctx is of type t, or else nil. Package
// reflect would take some hundred instructions for it, for each connection.
func unwrap(ctx context.Context, t unsafe.Pointer) context.Context {
	if w := wordsOf(&ctx); w.typ == t && t != nil {
		return *(*context.Context)(w.value)
	}
	return nil
}

// valuesOf returns a context that has the values of a request's. The one that may be
// missing is the local address, if it is this: server says so, and that what is left is
// what the http.Server began with, without anything of a middleware's. known is such a
// context of before, or nil.
func valuesOf(ctx context.Context, local net.Addr, known context.Context) (values context.Context, server bool) {
	for inner := unwrap(ctx, cancelContext); inner != nil; inner = unwrap(ctx, cancelContext) {
		ctx = inner
	}
	inner := unwrap(ctx, valueContext)
	if inner == nil {
		return ctx, false
	}
	addr, _ := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if addr == nil || local != net.Addr(addr) || !same(inner, known) && inner.Value(http.LocalAddrContextKey) != nil {
		return ctx, false
	}
	return inner, true // the address is the one value there is between the two
}

// sharedTerms are the last that a Handler has made of an http.Server's own values. Most
// of its connections have these, and agree on nothing. What belongs to one request is not
// kept.
type sharedTerms struct{ last atomic.Pointer[requestTerms] }

// requestTerms are those of requests whose values are these.
type requestTerms struct {
	terms
	of context.Context
}

func (s *sharedTerms) get(u *handshake.Upgraded, request context.Context) *terms {
	last := s.last.Load()
	var known context.Context
	if last != nil {
		known = last.of
	}
	of, server := valuesOf(request, u.Conn.LocalAddr(), known)
	if last != nil && u.Subprotocol == last.subprotocol && u.Deflate == last.deflate && same(of, known) {
		return &last.terms
	}
	t := &requestTerms{terms{u.Subprotocol, u.Deflate, of}, of}
	if of.Done() != nil {
		t.values = context.WithoutCancel(of)
	}
	if server {
		s.last.Store(t)
	}
	return &t.terms
}

// same reports whether two contexts are known to be the same: not all values can be
// compared, but what they are kept in can.
func same(a, b context.Context) bool { return *wordsOf(&a) == *wordsOf(&b) }
