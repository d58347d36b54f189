package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// identity is a certificate for 127.0.0.1 that is its own authority.
type identity struct {
	certFile, keyFile string
	server            *tls.Config // presents it
	client            *tls.Config // trusts it
	pin               string      // the SHA-256 of its public key in base64, for browsers
}

func newIdentity(t *testing.T) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)

	dir := t.TempDir()
	id := &identity{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	check(t, os.WriteFile(id.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(id.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	id.server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	id.client = &tls.Config{RootCAs: x509.NewCertPool()}
	id.client.RootCAs.AddCert(cert)
	pin := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	id.pin = base64.StdEncoding.EncodeToString(pin[:])
	return id
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nginxConfig is a reverse proxy as nginx's own documentation of WebSocket
// proxying has it, but for the paths: nothing is written outside the prefix.
const nginxConfig = `
daemon off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	proxy_max_temp_file_size 0;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;

	map $http_upgrade $connection_upgrade {
		default upgrade;
		''      close;
	}
	server {
		listen %[1]s;
		listen %[2]s ssl;
		ssl_certificate %[3]s;
		ssl_certificate_key %[4]s;
		location / {
			proxy_pass http://%[5]s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header Host $http_host;
			proxy_read_timeout %[6]s;
			proxy_send_timeout %[6]s;
		}
	}
}
`

// startNginx puts nginx in front of the server at upstream, and returns the
// addresses at which it takes ws and wss.
func startNginx(t *testing.T, id *identity, upstream string) (plain, secure string) {
	t.Helper()
	return startNginxIdle(t, id, upstream, longIdle)
}

// startNginxIdle has nginx end a connection over which nothing comes for that long.
func startNginxIdle(t *testing.T, id *identity, upstream string, idle time.Duration) (plain, secure string) {
	t.Helper()
	nginx := tool(t, "apt-get install nginx-light", "nginx", "/usr/sbin/nginx")
	prefix := t.TempDir()
	cmd := exec.Command(nginx, "-p", prefix, "-c", "nginx.conf", "-e", "stderr")
	plain, secure = inherit(t, cmd), inherit(t, cmd)
	// The documented way to hand over open sockets: no port is guessed, and
	// connections may be made before nginx is up.
	cmd.Env = append(os.Environ(), "NGINX=3;4;")
	config := fmt.Sprintf(nginxConfig, plain, secure, id.certFile, id.keyFile, upstream, milliseconds(idle))
	check(t, os.WriteFile(filepath.Join(prefix, "nginx.conf"), []byte(config), 0o600))
	keepErrors(t, cmd)
	start(t, cmd, os.Interrupt) // to the master, which takes its worker along
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	return plain, secure
}

// inherit opens a listening socket that cmd will have as its next descriptor.
func inherit(t *testing.T, cmd *exec.Cmd) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	check(t, err)
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	return ln.Addr().String()
}
