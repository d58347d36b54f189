package conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// Every HTTP status there is.
func TestHealsOfStatuses(t *testing.T) {
	heals := map[int]bool{408: true, 425: true, 429: true}
	for status := 500; status < 600; status++ {
		heals[status] = status != 501 && status != 505
	}
	for status := 100; status < 1000; status++ {
		want := heals[status] || status >= 600
		err := fmt.Errorf("wrapped: %w", &handshake.Error{Status: status, Reason: "?"})
		require.Equal(t, want, Heals(err), "status %d", status)
	}
}

// Every status code there is, as said by the peer, and as said by this side.
func TestHealsOfCodes(t *testing.T) {
	not := map[StatusCode]bool{
		1000: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true, 1010: true,
		3000: true, 3003: true,
	}
	for code := StatusCode(1000); code < 5000; code++ {
		require.Equal(t, !not[code], Heals(fmt.Errorf("wrapped: %w", &CloseError{Code: code})), "the peer closed with %v", code)
		require.Equal(t, code != 1000, Heals(&closedError{code: code}), "this side closed with %v", code)
	}
}

func TestHealsOfErrors(t *testing.T) {
	shake := func(cause error) error { return &handshake.Error{Reason: "cannot connect", Err: cause} }
	cert := func(cause error) error { return shake(&tls.CertificateVerificationError{Err: cause}) }
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"refused", shake(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), true},
		{"no such host, for now", shake(&net.DNSError{Err: "no such host", IsNotFound: true}), true},
		{"the opening handshake took too long", shake(context.DeadlineExceeded), true},
		{"no response", shake(io.ErrUnexpectedEOF), true},
		{"a certificate has expired", cert(x509.CertificateInvalidError{Reason: x509.Expired}), true},
		{"a certificate may not be used so", cert(x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), false},
		{"a certificate of nobody we know", cert(x509.UnknownAuthorityError{}), false},
		{"a certificate of another host", cert(x509.HostnameError{}), false},
		{"the server does not speak TLS", shake(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), false},
		{"the server does not speak HTTP", shake(nil), false},
		{"the peer broke a rule", &ProtocolError{Code: StatusProtocolError}, false},
		{"a message too big", &ProtocolError{Code: StatusMessageTooBig}, false},
		{"no sign of life", &TimeoutError{Op: "keepalive"}, true},
		{"CloseNow", &closedError{}, true},
		{"left open", errLeftOpen, true},
		{"a cancelled context", context.Canceled, true},
		{"what nobody knows", errors.New("?"), true},
	} {
		require.Equal(t, tt.want, Heals(tt.err), tt.name)
	}
}

// RFC 9110, section 10.2.3.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const most = math.MaxInt64 / time.Second * time.Second
	for _, tt := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{"9223372036", "", most},
		{"9223372037", "", most},
		{"99999999999999999999999999", "", most},
		{"-1", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "", time.Minute},
		{"Friday, 02-Jan-26 03:05:05 GMT", "", time.Minute},
		{"Fri Jan  2 03:05:05 2026", "", time.Minute},
		{"Fri, 02 Jan 2026 03:03:05 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", math.MaxInt64},
		// The server's clock is an hour ahead of ours, which does not matter.
		{"Fri, 02 Jan 2026 04:05:05 GMT", "Fri, 02 Jan 2026 04:04:05 GMT", time.Minute},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "once upon a time", time.Minute},
	} {
		h := http.Header{}
		h.Set("Retry-After", tt.value)
		h.Set("Date", tt.date)
		require.Equal(t, tt.want, retryAfter(h, now), "%s at %s", tt.value, tt.date)
	}
}

func TestPlea(t *testing.T) {
	hour := http.Header{"Retry-After": {"3600"}}
	for _, tt := range []struct {
		err  error
		want plea
	}{
		{&handshake.Error{Status: 503, Header: hour}, plea{after: time.Minute}},
		{&handshake.Error{Status: 429, Header: hour}, plea{after: time.Minute}},
		{&handshake.Error{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, plea{after: 7 * time.Second}},
		{&handshake.Error{Status: 503}, plea{}},
		{&handshake.Error{Status: 500, Header: hour}, plea{}},
		{&handshake.Error{}, plea{}},
		{&CloseError{Code: StatusServiceRestart}, plea{crowd: true}},
		{&CloseError{Code: StatusTryAgainLater}, plea{crowd: true}},
		{&CloseError{Code: StatusGoingAway}, plea{}},
		{errLeftOpen, plea{}},
	} {
		require.Equal(t, tt.want, pleaOf(tt.err, time.Now(), time.Minute), "%v", tt.err)
	}
}
