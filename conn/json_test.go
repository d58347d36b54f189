package conn

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count,omitempty"`
}

func TestReadJSON(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(
			wstest.Text(`{"item":"tea","count":3}`),
			wstest.Binary([]byte(`{"item":"binary will do"}`)),
			wstest.Text(`{"it`).NoFin(), wstest.Ping("?"), wstest.Cont(`em":"in pieces"}`),
			wstest.Text(` [1, 2] `), wstest.Text(`null`), wstest.Text(`{"a":{"b":null}}`),
		)
		for _, want := range []order{{"tea", 3}, {"binary will do", 0}, {"in pieces", 0}} {
			got, err := ReadJSON[order](t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		numbers, err := ReadJSON[[]int](t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, []int{1, 2}, numbers)
		null, err := ReadJSON[*order](t.Context(), c)
		require.NoError(t, err)
		require.Nil(t, null)
		anything, err := ReadJSON[any](t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, map[string]any{"a": map[string]any{"b": nil}}, anything)
	})
}

// What is decoded must not lie in the buffer that the next message is read to.
func TestReadJSONKeepsNothing(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text(`{"raw":"first"}`))
		first, err := ReadJSON[map[string]json.RawMessage](t.Context(), c)
		require.NoError(t, err)
		for range 10 {
			p.Send(wstest.Text(`{"raw":"XXXXX"}`))
			_, err := ReadJSON[any](t.Context(), c)
			require.NoError(t, err)
		}
		require.JSONEq(t, `"first"`, string(first["raw"]))
	})
}

// A message that is not the JSON that is wanted is an error of its own. It has
// been read to its end, and the connection goes on.
func TestReadJSONOfSomethingElse(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for _, bad := range []string{"", "{", "nul", `{"item":1}`, `{"item":"tea"} trailing`, strings.Repeat("[", 20_000)} {
			go p.Send(wstest.Text(bad), wstest.Text(`{"item":"tea"}`))
			_, err := ReadJSON[order](t.Context(), c)
			require.Error(t, err)
			var syntax *json.SyntaxError
			var typ *json.UnmarshalTypeError
			if !errors.As(err, &syntax) && !errors.As(err, &typ) {
				t.Errorf("%q: %v wraps no error of encoding/json", bad, err)
			}
			require.Contains(t, err.Error(), "conn.order")
			require.NotErrorIs(t, err, io.EOF, "it must not look like the end of the connection")
			require.Zero(t, CloseStatus(err))
			good, err := ReadJSON[order](t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, order{"tea", 0}, good)
		}
		require.NoError(t, c.Err())
	})
}

// Other errors are those of Read.
func TestReadJSONErrors(t *testing.T) {
	play(t, &Config{MaxMessage: 10}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Send(wstest.Text(`"cut `).NoFin())
		_, err := ReadJSON[string](ctx, c)
		require.Equal(t, context.DeadlineExceeded, err)
		p.Send(wstest.Cont(`off"`))
		got, err := ReadJSON[string](t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, "cut off", got, "it is taken up")
		p.Send(wstest.Text(`"more than ten"`))
		_, err = ReadJSON[string](t.Context(), c)
		require.ErrorIs(t, err, &ProtocolError{Code: StatusMessageTooBig})
		require.Equal(t, c.Err(), err)
		_, again := ReadJSON[string](t.Context(), c)
		require.Equal(t, err, again)
	})
}

func TestWriteJSON(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.NoError(t, WriteJSON(t.Context(), c, order{"tea", 3}))
		require.NoError(t, WriteJSON(t.Context(), c, nil))
		require.NoError(t, WriteJSON(t.Context(), c, "ü"))
		p.Want("text messages", wstest.Text(`{"item":"tea","count":3}`), wstest.Text("null"), wstest.Text(`"ü"`))
		for _, v := range []any{func() {}, math.NaN(), make(chan int), map[bool]int{true: 1}} {
			err := WriteJSON(t.Context(), c, v)
			require.Error(t, err)
			var typ *json.UnsupportedTypeError
			var value *json.UnsupportedValueError
			require.True(t, errors.As(err, &typ) || errors.As(err, &value), "%v wraps an error of encoding/json", err)
		}
		p.WantIdle("nothing is sent of what cannot be encoded")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, context.Canceled, WriteJSON(ctx, c, 1))
		require.NoError(t, c.CloseNow())
		require.Equal(t, c.Err(), WriteJSON(t.Context(), c, 1))
	})
}

func TestJSONRoundTrip(t *testing.T) {
	client, server := connPair(t, nil)
	want := order{strings.Repeat("long ", 50_000), 7}
	writing := call(func() error { return WriteJSON(t.Context(), client, want) })
	got, err := ReadJSON[order](t.Context(), server)
	require.NoError(t, err)
	require.NoError(t, <-writing)
	require.Equal(t, want, got)
}

// What is decoded lies in a buffer that is lent; it must not be given back, and
// used by another connection, before it was decoded.
func TestReadJSONConcurrently(t *testing.T) {
	var all sync.WaitGroup
	for k := range 4 {
		client, server := connPair(t, nil)
		want := order{strings.Repeat(string(rune('a'+k)), 1000), k}
		all.Go(func() {
			for range 200 {
				if err := WriteJSON(t.Context(), client, want); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 200 {
				if got, err := ReadJSON[order](t.Context(), server); err != nil || got != want {
					t.Errorf("%v %v", got, err)
				}
			}
		})
	}
	all.Wait()
}
