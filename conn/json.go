package conn

import (
	"context"
	"encoding/json"
	"fmt"
)

// ReadJSON reads a message, of either type, and decodes it as JSON into a value
// of type T. What cannot be decoded is an error that wraps that of encoding/json;
// the connection is none the worse for it. Other errors are as of [Conn.Read].
func ReadJSON[T any](ctx context.Context, c *Conn) (T, error) {
	var v T
	m, lent, err := c.lease(ctx)
	if err != nil {
		return v, err
	}
	defer lent.Release()
	c.observeReceived(m.Type, len(m.Data))
	if err := json.Unmarshal(m.Data, &v); err != nil {
		return v, fmt.Errorf("conn: a message of %d bytes is not the JSON of a %T: %w", len(m.Data), v, err)
	}
	return v, nil
}

// WriteJSON encodes v as JSON and writes it as a text message. If v cannot be
// encoded nothing is sent, and the error wraps that of encoding/json. Other
// errors are as of [Conn.Write].
func WriteJSON(ctx context.Context, c *Conn, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("conn: %T cannot be written as JSON: %w", v, err)
	}
	return c.Write(ctx, Text, p)
}
