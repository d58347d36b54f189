package vectors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// claims is what the rules say that bytes from a peer can keep or break, and a
// vector for each, of which there are more.
var claims = []struct {
	rule   int
	claim  string
	vector string
}{
	{17, "lengths are minimal, in 16 bits", "125 in 16 bits"},
	{17, "lengths are minimal, in 64 bits", "65535 in 64 bits"},
	{17, "the most in 7 bits", "125 bytes, the most in 7 bits"},
	{17, "the least in 16 bits", "126 bytes, the least in 16 bits"},
	{17, "the most in 16 bits", "65535 bytes, the most in 16 bits"},
	{17, "the least in 64 bits", "65536 bytes, the least in 64 bits"},
	{17, "the top bit of a 64-bit length is zero", "a length of 1<<63"},
	{17, "it is looked at before any conversion", "a length of 1<<63 + 1"},
	{17, "a length needs all of its 63 bits", "a length of 1<<32 + 5 is legal"},
	{17, "sums of fragments do not overflow 63 bits", "fragments whose sum overflows 63 bits"},
	{17, "nor 32", "a fragment of 1<<32 bytes with a limit"},

	{18, "a server refuses frames that are not masked", "an unmasked frame from a client"},
	{18, "control frames too", "an unmasked close from a client"},
	{18, "a client refuses masked ones", "a masked frame from a server"},
	{18, "every frame has a key of its own", "a new key for every frame"},

	{19, "RSV1 without an extension", "RSV1 on a text frame"},
	{19, "RSV2", "RSV2 on a text frame"},
	{19, "RSV3", "RSV3 on a text frame"},
	{19, "on a control frame", "RSV1 on a ping"},
	{19, "on a continuation", "RSV1 on a continuation"},

	{20, "a continuation without a start", "a continuation at the start"},
	{20, "a start inside a message", "text inside text"},
	{20, "reserved data opcodes", "reserved data opcode 0x3"},
	{20, "reserved control opcodes", "reserved control opcode 0xb"},
	{20, "a fragment may be empty", "the middle fragment is empty"},
	{20, "control frames between any two fragments", "pings between all fragments"},

	{21, "control frames of at most 125 bytes", "a ping of 126 bytes"},
	{21, "and never fragmented", "a ping without FIN"},

	{22, "a declared length is known to be too much from the header", "one byte past the limit"},
	{22, "exactly the limit passes", "exactly the limit"},
	{22, "also with a pong in between", "the limit with a pong in between"},
	{22, "all fragments count", "past the limit in the last fragment"},
	{22, "each message by itself", "the limit again in every message"},

	{23, "tiny fragments", "ten thousand fragments of one byte"},
	{23, "empty fragments", "ten thousand empty fragments"},
	{23, "ten pings in a row get ten pongs", "ten pings"},

	{24, "what is not whole is not delivered", "a payload without its last byte"},
	{24, "a header may be cut", "half of a header"},

	{25, "a pong has the payload of the ping", "a ping that is not UTF-8"},
	{25, "an unsolicited pong is ignored", "a pong that nobody asked for"},
	{25, "two pongs are harmless", "two pongs in a row"},

	{26, "a Close body may be empty", "a close without a body"},
	{26, "it is not one byte", "a close body of one byte"},
	{26, "codes below 1000", "close code 999"},
	{26, "1004", "close code 1004, reserved"},
	{26, "1005", "close code 1005, no status"},
	{26, "1006", "close code 1006, abnormal closure"},
	{26, "1015", "close code 1015, TLS handshake"},
	{26, "from 1016", "close code 1016"},
	{26, "to 2999", "close code 2999"},
	{26, "from 5000", "close code 5000"},
	{26, "codes of the registry are good", "close code 1014, bad gateway"},
	{26, "those of libraries", "close code 3000"},
	{26, "those of nobody", "close code 4999"},
	{26, "the reason is UTF-8", "a reason that is not UTF-8"},
	{26, "to its last byte", "a reason whose byte 123 begins a rune"},
	{26, "it has up to 123 bytes", "a close with a reason of 123 bytes"},

	{27, "data behind a Close is not processed", "text behind a close"},
	{27, "nor pings", "a ping behind a close"},
	{27, "nor mistakes", "a broken frame behind a close"},
	{27, "nothing follows our Close", "a close that fails, and a good one"},

	{28, "what comes behind a Close does not destroy the answer", "100 KiB behind a close"},
	{28, "nor the Close frame of a failure", "100 KiB behind a mistake"},
	{28, "after a failure nothing is processed", "good messages behind a mistake"},

	{29, "the code is that of the first Close", "two closes"},
	{29, "1005 where it has none", "two closes, the first without a code"},
	{29, "1006 where there is none", "half of a close"},

	{30, "invalid UTF-8", "Kuhn 3.5.2, ff"},
	{30, "as early as the bad byte", "bad text that goes on for long"},
	{30, "across fragments", "a surrogate cut by a fragment"},
	{30, "overlong forms", "Kuhn 4.1.1, a slash in two bytes"},
	{30, "surrogates", "Kuhn 5.1.1, the surrogate U+D800"},
	{30, "past U+10FFFF", "Kuhn 2.3.5, U+110000, past the last code point"},
	{30, "noncharacters are valid", "Kuhn 5.3.4, the noncharacters U+nFFFE and U+nFFFF"},
	{30, "a message that ends inside a rune", "the end inside a rune of four bytes, after three"},
}

func TestEveryRuleHasVectors(t *testing.T) {
	byName := map[string]Vector{}
	for _, v := range Load(t, "*") {
		byName[v.Name] = v
	}
	rules := map[int]bool{}
	for _, c := range claims {
		v, ok := byName[c.vector]
		require.True(t, ok, "rule %d, %s: there is no vector %q", c.rule, c.claim, c.vector)
		require.Equal(t, c.rule, v.Rule, "%s: %s", v.Source, v.Name)
		rules[c.rule] = true
	}
	for rule := 17; rule <= 30; rule++ {
		require.True(t, rules[rule], "no claim is made for rule %d", rule)
	}
}
