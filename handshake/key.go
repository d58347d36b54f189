package handshake

import (
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

// guid is the constant of RFC 6455, section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const (
	keySize    = 24 // base64 of 16 bytes
	acceptSize = 28 // base64 of a SHA-1 sum
)

// AcceptKey returns the Sec-WebSocket-Accept value that answers the
// Sec-WebSocket-Key value key: base64(SHA-1(key + GUID)). The key is taken as it
// stands; whether it is a proper one is not looked at. (RFC 6455, section 4.2.2)
func AcceptKey(key string) string {
	var buf [acceptSize]byte
	return string(AppendAcceptKey(buf[:0], key))
}

// AppendAcceptKey appends AcceptKey(key) to dst. It does not allocate if dst has
// room for 28 more bytes and key has no more than 64, which a proper one has not.
func AppendAcceptKey[K string | []byte](dst []byte, key K) []byte {
	var buf [64 + len(guid)]byte
	sum := sha1Sum(append(append(buf[:0], key...), guid...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// appendAccept is AppendAcceptKey for a dst with room for more: what is hashed
// stands there for a moment, and not on the stack.
func appendAccept(dst []byte, key string) []byte {
	n := len(dst)
	dst = append(append(dst, key...), guid...)
	sum := sha1Sum(dst[n:])
	return base64.StdEncoding.AppendEncode(dst[:n], sum[:])
}

// sha1Sum is SHA-1 also where FIPS 140 mode forbids it for cryptography. Here it
// is none: the accept value proves that the peer speaks WebSocket, not who it is.
func sha1Sum(p []byte) [sha1.Size]byte {
	if !fips140.Enforced() {
		return sha1.Sum(p)
	}
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(p) })
	return sum
}

// NewKey returns a fresh Sec-WebSocket-Key value: 16 random bytes in base64
// (RFC 6455, section 4.1).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// validKey reports whether key is the base64 form of 16 bytes: 22 digits, the
// last of which has four bits to spare, and two signs of padding.
func validKey(key string) bool {
	return len(key) == keySize && key[22:] == "==" && all(key[:22], base64Class)
}
