package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

// measuring has the program measure without a browser, for the page, in a process
// of its own. It does so once at a time.
type measuring struct{ busy sync.Mutex }

// What the page gets is a short run, of a quarter of a minute or so.
var shortRun = []string{"-headless", "-json", "-clients", "50", "-rate", "20", "-duration", "1s"}

const measureTimeout = time.Minute

func (m *measuring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.busy.TryLock() {
		http.Error(w, "somebody is measuring already", http.StatusConflict)
		return
	}
	defer m.busy.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), measureTimeout)
	defer cancel()
	rows, err := measureElsewhere(ctx)
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return
	}
	if err != nil {
		http.Error(w, "the measurement failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(rows)
}

func measureElsewhere(ctx context.Context) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, shortRun...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout = &out
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	return out.Bytes(), err
}
