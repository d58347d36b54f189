package socks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// talk gives c the answers of a proxy, cut as c wants them, and returns what it
// sent and what of the answers it did not want.
func talk(c *Client, answers string) (sent, rest string, err error) {
	var answer []byte
	for {
		send, want, err := c.Next(answer)
		sent += string(send)
		if err != nil || want == 0 || want > len(answers) {
			return sent, answers, err
		}
		answer, answers = []byte(answers[:want]), answers[want:]
	}
}

func newClient(t *testing.T, user, pass, host string) *Client {
	c, err := New(user, pass, host, 0x1234)
	require.NoError(t, err)
	return c
}

// RFC 1928, sections 3 to 6, and RFC 1929, section 2: every byte of it.
func TestClient(t *testing.T) {
	const (
		asIPv4 = "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50" // it is connected from 127.0.0.1:80
		asIPv6 = "\x05\x00\x00\x04\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x00\x50"
		asName = "\x05\x00\x00\x03\x03abc\x00\x50"
		noName = "\x05\x00\x00\x03\x00\x00\x50"

		request = "\x05\x01\x00\x03\x0bexample.com\x12\x34"
	)
	for _, tt := range []struct{ name, user, pass, host, answers, sent string }{
		{"no authentication", "", "", "example.com", "\x05\x00" + asIPv4, "\x05\x01\x00" + request},
		{"none, though there is a name", "u", "p", "example.com", "\x05\x00" + asIPv4, "\x05\x02\x00\x02" + request},
		{"a password", "me", "pass", "example.com", "\x05\x02\x01\x00" + asIPv4, "\x05\x02\x00\x02\x01\x02me\x04pass" + request},
		{"an empty one", "me", "", "example.com", "\x05\x02\x01\x00" + asIPv4, "\x05\x02\x00\x02\x01\x02me\x00" + request},
		{"to an IPv4 address", "", "", "192.0.2.1", "\x05\x00" + asIPv4, "\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x01\x12\x34"},
		{"to one that is mapped", "", "", "::ffff:192.0.2.1", "\x05\x00" + asIPv4, "\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x01\x12\x34"},
		{"to an IPv6 address", "", "", "2001:db8::1", "\x05\x00" + asIPv4,
			"\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x12\x34"},
		{"from an IPv6 address", "", "", "example.com", "\x05\x00" + asIPv6, "\x05\x01\x00" + request},
		{"from a name", "", "", "example.com", "\x05\x00" + asName, "\x05\x01\x00" + request},
		{"from no name", "", "", "example.com", "\x05\x00" + noName, "\x05\x01\x00" + request},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent, rest, err := talk(newClient(t, tt.user, tt.pass, tt.host), tt.answers+"more")
			require.NoError(t, err)
			require.Equal(t, tt.sent, sent)
			require.Equal(t, "more", rest, "what follows is the target's")

			for n := range tt.answers {
				c := newClient(t, tt.user, tt.pass, tt.host)
				_, _, err := talk(c, tt.answers[:n])
				require.NoError(t, err)
				require.NotEqual(t, open, c.stage, "%d bytes are not all", n)
			}
		})
	}
}

func TestLongestNames(t *testing.T) {
	long := strings.Repeat("x", 255)
	sent, rest, err := talk(newClient(t, long, long, long), "\x05\x02\x01\x00\x05\x00\x00\x03\xff"+long+"\x00\x50more")
	require.NoError(t, err)
	require.Equal(t, "\x05\x02\x00\x02\x01\xff"+long+"\xff"+long+"\x05\x01\x00\x03\xff"+long+"\x12\x34", sent)
	require.Equal(t, "more", rest)
}

func TestWhatCannotBeAsked(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, tt := range []struct{ user, pass, host, fault string }{
		{long, "p", "h", "255 bytes"},
		{"u", long, "h", "255 bytes"},
		{"", "secret", "h", "without a user name"},
		{"u", "p", long, "1 to 255 bytes"},
		{"u", "p", "", "1 to 255 bytes"},
	} {
		_, err := New(tt.user, tt.pass, tt.host, 80)
		require.ErrorContains(t, err, tt.fault)
		require.NotContains(t, err.Error(), "secret")
	}
}

// The proxy says no, or nothing that makes sense. As soon as that is known, no more
// is asked for: such a proxy hangs up.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ answers, fault string }{
		{"\x05\xff", "does not take a user name"},
		{"\x05\x01", "method 0x01, which was not offered"},
		{"\x05\x80", "method 0x80, which was not offered"},
		{"\x04\x00", "SOCKS version 4"},
		{"\x00\x5b", "SOCKS version 0"},
		{"HT", "in HTTP"},
		{"\x05\x02\x01\x01", "does not accept the user name"},
		{"\x05\x02\x01\xff", "does not accept the user name"},
		{"\x05\x02\x05\x00", "version 5, which must be 1"},
		{"\x05\x00\x04\x00", "SOCKS version 4"},
		{"\x05\x00\x05\x01", "general failure (SOCKS reply 1)"},
		{"\x05\x00\x05\x02", "rules do not allow"},
		{"\x05\x00\x05\x03", "cannot reach the network"},
		{"\x05\x00\x05\x04", "cannot reach the host"},
		{"\x05\x00\x05\x05", "refused the connection"},
		{"\x05\x00\x05\x06", "TTL expired"},
		{"\x05\x00\x05\x07", "the command"},
		{"\x05\x00\x05\x08", "type of address (SOCKS reply 8)"},
		{"\x05\x00\x05\x09", "SOCKS reply 9, which is not assigned"},
		{"\x05\x00\x05\xff", "SOCKS reply 255, which is not assigned"},
		{"\x05\x00\x05\x00\x01\x01\x00", "reserved byte of its reply is 1"},
		{"\x05\x00\x05\x00\x00\x00\x00", "type 0"},
		{"\x05\x00\x05\x00\x00\x02\x00", "type 2"},
		{"\x05\x00\x05\x00\x00\x05\x00", "type 5"},
	} {
		_, rest, err := talk(newClient(t, "user", "secret", "h"), tt.answers)
		require.ErrorContains(t, err, tt.fault, "%q", tt.answers)
		require.Empty(t, rest, "%q", tt.answers)
		require.NotContains(t, err.Error(), "secret")
	}
	_, _, err := talk(newClient(t, "", "", "h"), "\x05\xff")
	require.ErrorContains(t, err, "has no user name")
	_, _, err = talk(newClient(t, "", "", "h"), "\x05\x02")
	require.ErrorContains(t, err, "0x02, which was not offered")
}

func TestAnOpenConnectionIsNotAskedForAgain(t *testing.T) {
	c := newClient(t, "", "", "h")
	_, _, err := talk(c, "\x05\x00\x05\x00\x00\x03\x00\x00\x50")
	require.NoError(t, err)
	require.PanicsWithValue(t, "BUG: the connection through the proxy is open already", func() { c.Next(nil) })
}
