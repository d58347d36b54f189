package interop

import (
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startOnPorts starts a program that takes no open sockets and has to be told ports,
// n of them, which are free when command is called with their addresses. Somebody
// else may take one meanwhile: then the program ends, and other ports are tried. It
// returns when the program listens at all of them.
func startOnPorts(t *testing.T, n int, command func(addrs []string) *exec.Cmd) (addrs []string) {
	t.Helper()
	for range 3 {
		addrs = freePorts(t, n)
		cmd := command(addrs)
		stderr := keepErrors(t, cmd)
		ended := start(t, cmd, syscall.SIGTERM)
		if listensAt(t, addrs, ended) {
			return addrs
		}
		t.Logf("%s has ended: %s", cmd.Path, stderr)
	}
	t.Fatal("the program does not start")
	return nil
}

// freePorts returns addresses at which nobody listens.
func freePorts(t *testing.T, n int) (addrs []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer ln.Close() // not before there are all of them, which must differ
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs
}

// listensAt waits until connections can be made, and reports whether the program is
// still there then.
func listensAt(t *testing.T, addrs []string, ended <-chan struct{}) bool {
	t.Helper()
	deadline := time.Now().Add(patience)
	for _, addr := range addrs {
		for {
			nc, err := net.Dial("tcp", addr)
			if err == nil {
				nc.Close()
				break
			}
			select {
			case <-ended:
				return false
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatalf("nobody listens at %s", addr)
			}
		}
	}
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// port is that of an address.
func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	check(t, err)
	return port
}

// fill puts values in the place of names like {upstream}. What is left over is a
// mistake.
func fill(t *testing.T, config string, values ...string) string {
	t.Helper()
	filled := strings.NewReplacer(values...).Replace(config)
	for i := 0; i < len(values); i += 2 {
		if !strings.Contains(config, values[i]) {
			t.Fatalf("there is no %s in the configuration", values[i])
		}
	}
	return filled
}
