//go:build !purego

package utf8

const vectorStep = 16

func hasVector() bool { return true } // every arm64 has NEON

// validBlocks looks at n bytes, a multiple of vectorStep that is not 0, the first
// of which begins a code point. It returns how many of them, in whole vectors, are
// no mistake so far; the last code point of them may be incomplete. See
// valid_amd64.go for why.
//
//go:noescape
func validBlocks(p *byte, n int) int
