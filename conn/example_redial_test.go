package conn_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// A client that stays connected to a server which does not stay.
func ExampleRedial() {
	var visits atomic.Int32
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		n := visits.Add(1)
		if err := c.Write(ctx, conn.Text, fmt.Appendf(nil, "welcome, for the %d. time", n)); err != nil {
			return err
		}
		if n == 3 {
			return nil // 1000: all is said
		}
		return &conn.CloseError{Code: conn.StatusGoingAway}
	}))
	defer server.Close()

	ctx := context.Background()
	policy := &conn.RedialPolicy{FirstWait: 10 * time.Millisecond} // in earnest: nil
	for c, err := range conn.Redial(ctx, server.URL, nil, policy) {
		if err != nil {
			fmt.Println("it will not heal:", err)
			return
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break
			}
			fmt.Println(string(m.Data))
		}
	}
	// Output:
	// welcome, for the 1. time
	// welcome, for the 2. time
	// welcome, for the 3. time
}

// What does not heal is not tried again, and what the program sees.
func ExampleRedial_refused() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}))
	defer server.Close()

	for _, err := range conn.Redial(context.Background(), server.URL, nil, nil) {
		var refused *handshake.Error
		if errors.As(err, &refused) {
			fmt.Println(refused.Status, http.StatusText(refused.Status))
		}
	}
	// Output: 401 Unauthorized
}

// RedialPolicy has functions for what is to be done with every connection, for what is
// to be shown, and for what the program knows better than the library.
func ExampleRedialPolicy() {
	var once sync.Once
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		_, topic, err := c.Read(ctx)
		if err != nil {
			return err
		}
		verdict := error(&conn.CloseError{Code: 4003, Reason: "no such topic"})
		once.Do(func() { verdict = &conn.CloseError{Code: conn.StatusInternalError} })
		fmt.Printf("someone wants to hear of %s\n", topic)
		return verdict
	}))
	defer server.Close()

	ctx := context.Background()
	policy := &conn.RedialPolicy{
		FirstWait: 10 * time.Millisecond,
		Connected: func(ctx context.Context, c *conn.Conn) error {
			return c.Write(ctx, conn.Text, []byte("the weather"))
		},
		Waiting: func(wait time.Duration, why error) {
			fmt.Println("waiting:", why)
		},
		Heals: func(err error) bool {
			return conn.CloseStatus(err) != 4003 && conn.Heals(err)
		},
	}
	for c, err := range conn.Redial(ctx, server.URL, nil, policy) {
		if err != nil {
			fmt.Println(err)
			return
		}
		c.Read(ctx)
	}
	// Output:
	// someone wants to hear of the weather
	// waiting: conn: the peer closed with 1011 internal error
	// someone wants to hear of the weather
	// conn: Redial: conn: the peer closed with 4003: "no such topic"
}

// A client that loses no message. Each has a number; the server says which it has
// stored, and drops those that come twice. The client keeps what was not acknowledged,
// and sends it again on the next connection.
func ExampleRedial_resend() {
	// A server that falls over at the worst time: it has stored the second message, and
	// not said so.
	var mu sync.Mutex
	var stored []string
	store := func(number int, text string) (isNew bool) {
		mu.Lock()
		defer mu.Unlock()
		if isNew = number == len(stored); isNew {
			stored = append(stored, text)
		}
		return isNew
	}
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			number := int(binary.BigEndian.Uint32(m.Data))
			if store(number, string(m.Data[4:])) && number == 1 {
				return c.CloseNow()
			}
			if err := c.Write(ctx, conn.Binary, m.Data[:4]); err != nil {
				return err
			}
		}
		return nil
	}))
	defer server.Close()

	ctx := context.Background()
	texts := []string{"one", "two", "three", "four"}
	acknowledged := 0 // so many of them
	resend := func(ctx context.Context, c *conn.Conn) error {
		for i := acknowledged; i < len(texts); i++ {
			m := append(binary.BigEndian.AppendUint32(nil, uint32(i)), texts[i]...)
			if err := c.Write(ctx, conn.Binary, m); err != nil {
				return err
			}
		}
		return nil
	}
	policy := &conn.RedialPolicy{FirstWait: 10 * time.Millisecond, Connected: resend}
	for c, err := range conn.Redial(ctx, server.URL, nil, policy) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break
			}
			acknowledged = int(binary.BigEndian.Uint32(m.Data)) + 1
			if acknowledged == len(texts) {
				c.Close(conn.StatusNormalClosure, "")
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	fmt.Println(acknowledged, "acknowledged:", stored)
	// Output: 4 acknowledged: [one two three four]
}
