package wstest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// leakVariable makes this test binary, run by TestMainFails…, leave something.
const leakVariable = "WSTEST_LEAK"

func TestMain(m *testing.M) { Main(m) }

func TestNothingIsLeft(t *testing.T) {
	before := takeInventory()
	require.NotEmpty(t, before)
	require.Empty(t, before.leftAfter(0))
}

func TestGoroutineLeft(t *testing.T) {
	before := takeInventory()
	stop := make(chan bool)
	go func() { <-stop }()
	left := before.leftAfter(0)
	require.Len(t, left, 1)
	require.Contains(t, left[0], "TestGoroutineLeft.func1", "its stack says who it is")
	close(stop)
	require.Empty(t, before.leftAfter(leakPatience))
}

func TestGoroutineOnItsWayOutIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := takeInventory()
		go time.Sleep(leakPatience / 2)
		require.Empty(t, before.leftAfter(leakPatience))
	})
}

func TestDescriptorLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are known on Linux only")
	}
	before := takeInventory()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	left := before.leftAfter(0)
	require.Len(t, left, 1)
	require.Contains(t, left[0], "socket:[")
	require.NoError(t, ln.Close())
	require.Empty(t, before.leftAfter(0))
}

// cleaner is a test that remembers what it is told.
type cleaner struct {
	cleanup func()
	failure string
}

func (c *cleaner) Helper()                           {}
func (c *cleaner) Cleanup(f func())                  { c.cleanup = f }
func (c *cleaner) Fatalf(format string, args ...any) { c.failure = fmt.Sprintf(format, args...) }

func TestNoLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(cleaner)
		NoLeaks(c)
		stop := make(chan bool)
		go func() { <-stop }()
		c.cleanup()
		require.Contains(t, c.failure, "the test has left 1 things behind")
		require.Contains(t, c.failure, "TestNoLeaks.func1.1")

		c.failure = ""
		close(stop)
		c.cleanup()
		require.Empty(t, c.failure)
	})
}

func TestLeakForMain(t *testing.T) {
	switch os.Getenv(leakVariable) {
	case "goroutine":
		go func() { select {} }()
	case "failure":
		t.Error("a failure of its own")
	}
}

func TestMainExitsWithTheVerdict(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no processes on " + runtime.GOOS)
	}
	run := func(leak string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLeakForMain$")
		cmd.Env = append(os.Environ(), leakVariable+"="+leak)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("")
	require.NoError(t, err, out)

	out, err = run("goroutine")
	require.Error(t, err)
	require.Contains(t, out, "FAIL: the tests have left 1 things behind")
	require.Contains(t, out, "TestLeakForMain.func1")

	out, err = run("failure")
	require.Error(t, err)
	require.Contains(t, out, "a failure of its own")
	require.NotContains(t, out, "left")
}
