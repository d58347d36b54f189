package handshake

import "net/http"

// Upgrade answers the opening handshake in r and takes the connection over from
// net/http. When it fails the answer has been written already and the handler
// has only to return.
func Upgrade(w http.ResponseWriter, r *http.Request, cfg *ServerConfig) (*Upgraded, error) {
	return nil, &Error{Reason: "not yet"}
}
