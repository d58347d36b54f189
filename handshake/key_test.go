package handshake

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcceptKey(t *testing.T) {
	for key, accept := range map[string]string{
		sampleKey:                  sampleAccept, // RFC 6455, section 1.3
		"x3JJHMbDL1EzLkh9GBhXDw==": "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
		"":                         "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=",
		strings.Repeat("long", 99): "tNfdCKyFOE46n7RngjUFzsgVmjY=",
	} {
		require.Equal(t, accept, AcceptKey(key), key)
		require.Equal(t, "x"+accept, string(AppendAcceptKey([]byte("x"), key)), key)
		require.Equal(t, accept, string(AppendAcceptKey(nil, []byte(key))), key)
		require.Equal(t, "x"+accept, string(appendAccept([]byte("x"), key)), key)
	}
}

func TestNewKey(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		key := NewKey()
		require.True(t, validKey(key), key)
		nonce, err := base64.StdEncoding.Strict().DecodeString(key)
		require.NoError(t, err)
		require.Len(t, nonce, 16)
		require.False(t, seen[key])
		seen[key] = true
	}
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		sampleKey:                     true,
		"++++////++++////++++//==":    true,
		"AAAAAAAAAAAAAAAAAAAAAB==":    true, // bits to spare
		"":                            false,
		"dGhlIHNhbXBsZSBub25jZQ":      false,
		"dGhlIHNhbXBsZSBub25jZQ=":     false,
		"dGhlIHNhbXBsZSBub25jZQA=":    false, // 17 bytes
		"dGhlIHNhbXBsZSBub25jZQ===":   false,
		"dGhlIHNhbXBsZSBub25j==ZQ":    false,
		"dGhlIHNhbXBs-SBub25jZQ==":    false, // base64url
		"dGhlIHNhbXBsZSBub25jZ-==":    false,
		"dGhlIHNhbXBs SBub25jZQ==":    false,
		"dGhlIHNhbXBs\nSBub25jZQ==":   false, // which encoding/base64 would skip
		"dGhlIHNhbXBsZSBub25jZQ==\n":  false,
		"=dGhlIHNhbXBsZSBub25jZQ=":    false,
		"dGhlIHNhbXBsZSBub25j\x00Q==": false,
	} {
		require.Equal(t, want, validKey(key), key)
	}
}

func TestNoAllocs(t *testing.T) {
	dst := make([]byte, 0, 256)
	key := []byte(sampleKey)
	lists := []string{"keep-alive, Upgrade"}
	offer := []string{`permessage-deflate; client_max_window_bits, foo; a="b"`}
	target := "/chat?room=1"
	deflate := &DeflateConfig{ClientMaxWindowBits: 12}
	var answer deflateParams
	for _, tt := range []struct {
		name string
		f    func()
	}{
		{"AppendAcceptKey of a string", func() { dst = AppendAcceptKey(dst[:0], sampleKey) }},
		{"AppendAcceptKey of bytes", func() { dst = AppendAcceptKey(dst[:0], key) }},
		{"appendAccept", func() { dst = appendAccept(dst[:0], sampleKey) }},
		{"validKey", func() { _ = validKey(sampleKey) }},
		{"hasToken", func() { hasToken(lists, "upgrade") }},
		{"checkExtensions", func() { _ = checkExtensions(offer) }},
		{"DeflateConfig.check", func() { _ = deflate.check() }},
		{"DeflateConfig.negotiate", func() { answer, _ = deflate.negotiate(offer) }},
		{"deflateParams.append", func() { dst = answer.append(dst[:0]) }},
		{"splitTarget", func() { splitTarget(target) }},
		{"originAllowed", func() { originAllowed([]string{"https://example.com:443"}, "EXAMPLE.com", true, nil) }},
	} {
		require.Zero(t, testing.AllocsPerRun(100, tt.f), tt.name)
	}
}
