package socks

import (
	"errors"
	"fmt"
	"net/netip"
)

// What goes over the wire (RFC 1928, sections 3 to 6; RFC 1929, section 2).
const (
	version      = 5
	loginVersion = 1

	methodNone    = 0x00 // no authentication
	methodLogin   = 0x02 // user name and password
	methodRefused = 0xff // none of those offered

	commandConnect = 1

	addressIPv4 = 1
	addressName = 3
	addressIPv6 = 4
)

// maxString is what the one byte that says a length can say.
const maxString = 255

// stage is what the answer that comes next is.
type stage uint8

const (
	// start: nothing was sent yet, and no answer is due. The greeting goes out, and
	// next comes method.
	start stage = iota

	// method: the proxy says how it wants to know who we are. Next comes login, or
	// reply if it does not want to know.
	method

	// login: it says whether it knows us. Next comes reply.
	login

	// reply: the first half of what came of the request. Next comes address.
	reply

	// address: the second half, with the first byte of the address that it is
	// connected from. Next comes rest.
	address

	// rest: the rest of that address. Next comes open.
	rest

	// open: the bytes that follow are the target's, in both directions.
	open
)

// Client asks one proxy for one connection. It is made by [New], and is not for
// several goroutines at once.
type Client struct {
	stage   stage
	user    string // "": it says no name
	pass    string
	request []byte
}

// New returns a Client that asks for a TCP connection to a port of host, which is a
// name or an IP address without brackets and zone. A name is for the proxy to
// resolve. User is the name to give if the proxy asks for one, "" if there is none.
// The error says what of this cannot be said in SOCKS.
func New(user, pass, host string, port uint16) (*Client, error) {
	switch {
	case user == "" && pass != "":
		return nil, errors.New("SOCKS has no password without a user name")
	case len(user) > maxString, len(pass) > maxString:
		return nil, errors.New("the user name or the password is longer than the 255 bytes that SOCKS allows")
	}
	request := []byte{version, commandConnect, 0}
	switch ip, err := netip.ParseAddr(host); {
	case err != nil && (host == "" || len(host) > maxString):
		return nil, errors.New("the host name does not have the 1 to 255 bytes that SOCKS allows")
	case err != nil:
		request = append(append(request, addressName, byte(len(host))), host...)
	case ip.Unmap().Is4():
		request = append(append(request, addressIPv4), ip.Unmap().AsSlice()...)
	default:
		request = append(append(request, addressIPv6), ip.AsSlice()...)
	}
	return &Client{user: user, pass: pass, request: append(request, byte(port>>8), byte(port))}, nil
}

// Next takes the answer that the call before asked for, whole, and returns what to
// send, nil for nothing, and how many bytes of answer to read then. At first there is no answer. When
// it wants no bytes, the connection is open. After an error it must not be called
// again.
func (c *Client) Next(answer []byte) (send []byte, want int, err error) {
	switch c.stage {
	case start:
		c.stage = method
		return c.greeting(), 2, nil
	case method:
		return c.onMethod(answer[0], answer[1])
	case login:
		return c.onLogin(answer[0], answer[1])
	case reply:
		return c.onReply(answer[0], answer[1])
	case address:
		return c.onAddress(answer[0], answer[1], answer[2])
	case rest:
		c.stage = open
		return nil, 0, nil
	default:
		panic("BUG: the connection through the proxy is open already")
	}
}

// greeting offers to come without a name, and with one if there is one.
func (c *Client) greeting() []byte {
	if c.user == "" {
		return []byte{version, 1, methodNone}
	}
	return []byte{version, 2, methodNone, methodLogin}
}

func (c *Client) onMethod(v, chosen byte) (send []byte, want int, err error) {
	switch {
	case v != version:
		return nil, 0, wrongVersion(v)
	case chosen == methodNone:
		c.stage = reply
		return c.request, 2, nil
	case chosen == methodLogin && c.user != "":
		c.stage = login
		return c.credentials(), 2, nil
	case chosen == methodRefused && c.user == "":
		return nil, 0, errors.New("it wants to be told who asks, and its URL has no user name")
	case chosen == methodRefused:
		return nil, 0, errors.New("it does not take a user name and a password")
	}
	return nil, 0, fmt.Errorf("it chose the authentication method 0x%02x, which was not offered", chosen)
}

// wrongVersion tells of an answer that is not SOCKS 5. An H is the first letter of HTTP.
func wrongVersion(v byte) error {
	if v == 'H' {
		return errors.New("it answers in HTTP, not in SOCKS")
	}
	return fmt.Errorf("its answer has the SOCKS version %d, which must be 5", v)
}

func (c *Client) credentials() []byte {
	p := append([]byte{loginVersion, byte(len(c.user))}, c.user...)
	return append(append(p, byte(len(c.pass))), c.pass...)
}

// onLogin: "A STATUS field of X'00' indicates success. If the server returns a
// 'failure' (STATUS value other than X'00') status, it MUST close the connection."
func (c *Client) onLogin(v, status byte) (send []byte, want int, err error) {
	switch {
	case v != loginVersion:
		return nil, 0, fmt.Errorf("its answer to the password has the version %d, which must be 1", v)
	case status != 0:
		return nil, 0, errors.New("it does not accept the user name and the password")
	}
	c.stage = reply
	return c.request, 2, nil
}

func (c *Client) onReply(v, code byte) (send []byte, want int, err error) {
	switch {
	case v != version:
		return nil, 0, wrongVersion(v)
	case code != 0:
		return nil, 0, errors.New(replyText(code))
	}
	c.stage = address
	return nil, 3, nil
}

// replyText says what a reply code means (RFC 1928, section 6).
func replyText(code byte) string {
	texts := [...]string{
		1: "it had a general failure",
		2: "its rules do not allow the connection",
		3: "it cannot reach the network",
		4: "it cannot reach the host",
		5: "the target refused the connection",
		6: "the TTL expired on the way",
		7: "it does not know the command to connect",
		8: "it does not know this type of address",
	}
	if int(code) < len(texts) {
		return fmt.Sprintf("%s (SOCKS reply %d)", texts[code], code)
	}
	return fmt.Sprintf("SOCKS reply %d, which is not assigned", code)
}

// onAddress sees how long the address is, which is of no use to us.
func (c *Client) onAddress(reserved, kind, first byte) (send []byte, want int, err error) {
	if reserved != 0 {
		return nil, 0, fmt.Errorf("the reserved byte of its reply is %d, which must be 0", reserved)
	}
	const port = 2
	switch kind {
	case addressIPv4:
		want = 4 - 1 + port
	case addressIPv6:
		want = 16 - 1 + port
	case addressName:
		want = int(first) + port
	default:
		return nil, 0, fmt.Errorf("its reply has an address of the type %d, which does not exist", kind)
	}
	c.stage = rest
	return nil, want, nil
}
