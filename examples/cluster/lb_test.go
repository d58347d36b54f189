package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// balancer is a configuration in lb.
type balancer struct {
	file    string
	command func(config, prefix string) (name string, args []string)
	bind    func(addr string) (old, new string) // for a socket that it inherits
}

func nginx(file string) balancer {
	return balancer{
		file: file,
		command: func(config, prefix string) (string, []string) {
			return "nginx", []string{"-p", prefix, "-c", config, "-e", "stderr"}
		},
		bind: func(addr string) (string, string) { return "listen 127.0.0.1:8080;", "listen " + addr + ";" },
	}
}

func haproxy(file string) balancer {
	return balancer{
		file: file,
		command: func(config, _ string) (string, []string) {
			return "haproxy", []string{"-db", "-f", config}
		},
		bind: func(string) (string, string) { return "bind 127.0.0.1:8080", "bind fd@3" },
	}
}

var balancers = []balancer{nginx("nginx.conf"), nginx("nginx-sticky.conf"), haproxy("haproxy.cfg"), haproxy("haproxy-sticky.cfg")}

// tool finds a program, where a user other than root has no path to it too.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(path); err == nil {
			return path
		}
	}
	t.Fatalf("there is no %s on this machine: apt-get install nginx-light haproxy", name)
	return ""
}

// cmd is the command that runs b with config.
func (b balancer) cmd(t *testing.T, config string, more ...string) *exec.Cmd {
	t.Helper()
	name, args := b.command(config, t.TempDir())
	return exec.Command(tool(t, name), append(args, more...)...)
}

// start starts b before the servers at three addresses, and returns its own.
func (b balancer) start(t *testing.T, servers [3]string) (addr string) {
	t.Helper()
	l := listen(t)
	defer l.Close()
	addr = l.Addr().String()
	text, err := os.ReadFile(filepath.Join("lb", b.file))
	require.NoError(t, err)
	old, bind := b.bind(addr)
	config := string(text)
	for _, change := range [][2]string{{old, bind}, {":8081", port(servers[0])}, {":8082", port(servers[1])}, {":8083", port(servers[2])}} {
		require.Contains(t, config, change[0])
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	file := filepath.Join(t.TempDir(), b.file)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))

	cmd := b.cmd(t, file)
	socket, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	defer socket.Close()
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Env = append(os.Environ(), "NGINX=3;") // nginx's way to be told of it
	var says bytes.Buffer
	cmd.Stderr = &says
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s says: %s", b.file, &says)
		}
	})
	return addr
}

func port(addr string) string { return addr[strings.LastIndex(addr, ":"):] }

// The programs that they are for take the files as they are.
func TestBalancerConfigurationsParse(t *testing.T) {
	for _, b := range balancers {
		t.Run(b.file, func(t *testing.T) {
			check := map[bool]string{true: "-c", false: "-t"}[strings.HasPrefix(b.file, "haproxy")]
			file, err := filepath.Abs(filepath.Join("lb", b.file))
			require.NoError(t, err)
			out, err := b.cmd(t, file, check).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

// Which server requests come to that are of one room or of several, and of a client that
// keeps cookies or of one that does not.
func TestBalancersStick(t *testing.T) {
	var servers [3]string
	for i := range servers {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i) }))
		t.Cleanup(s.Close)
		servers[i] = s.Listener.Addr().String()
	}
	for _, tt := range []struct {
		balancer
		oneRoom, cookies bool // it sticks
	}{
		{balancers[0], false, false},
		{balancers[1], true, false},
		{balancers[2], false, false},
		{balancers[3], false, true},
	} {
		t.Run(tt.file, func(t *testing.T) {
			addr := tt.start(t, servers)
			reached := func(room string, cookies bool) int {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
				if cookies {
					client.Jar, _ = cookiejar.New(nil)
				}
				seen := make(map[string]bool)
				for i := range 12 {
					r, err := client.Get(fmt.Sprintf("http://%s/ws?room=%s", addr, strings.ReplaceAll(room, "*", fmt.Sprint(i))))
					require.NoError(t, err)
					body, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					r.Body.Close()
					require.Equal(t, http.StatusOK, r.StatusCode)
					seen[string(body)] = true
				}
				return len(seen)
			}
			require.Equal(t, tt.oneRoom, reached("lobby", false) == 1)
			require.Equal(t, tt.cookies, reached("room*", true) == 1)
			require.Greater(t, reached("room*", false), 1, "nobody sticks without a reason")
		})
	}
}

// Clients that know one address, behind which a server dies.
func TestAServerDiesBehindABalancer(t *testing.T) {
	for _, b := range []balancer{balancers[0], balancers[2]} {
		t.Run(b.file, func(t *testing.T) {
			url := startNATS(t)
			var programs []*program
			var servers [3]string
			for i := range servers {
				p := startProgram(t, "-addr", "127.0.0.1:0", "-nats", url, "-beat", beat.String())
				programs = append(programs, p)
				servers[i] = strings.TrimSuffix(strings.TrimPrefix(p.url, "ws://"), "/ws")
			}
			addr := b.start(t, servers)
			k := startCrowd(t, natsAt(t, url), 6, func(int) []string { return []string{"ws://" + addr + "/ws"} })
			k.progress(10)
			require.NoError(t, programs[0].cmd.Process.Kill())
			programs[0].ends()
			k.progress(10)
			moved := 0
			for _, p := range k.people {
				p.mu.Lock()
				if p.joined > 1 {
					moved++
				}
				p.mu.Unlock()
			}
			require.Greater(t, moved, 0, "somebody was there")
			require.Less(t, moved, len(k.people), "and others were not")
			k.agrees()
		})
	}
}
