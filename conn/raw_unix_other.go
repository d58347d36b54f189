//go:build unix && !linux

package conn

// sysWritev writes two pieces, the second only if the socket took all of the
// first.
func sysWritev(fd uintptr, a, b []byte) (int, error) {
	n, err := sysWrite(fd, a)
	if err != nil {
		return n, err
	}
	m, err := sysWrite(fd, b)
	return n + m, err
}
