// Package conn is a WebSocket connection.
package conn
