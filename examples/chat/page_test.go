package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServesThePage(t *testing.T) {
	ws, _ := serving(t, defaults)
	url := strings.TrimSuffix(ws, "ws")
	for path, typ := range map[string]string{
		"": "text/html; charset=utf-8", "chat.css": "text/css; charset=utf-8",
		"chat.js": "text/javascript; charset=utf-8", "link.js": "text/javascript; charset=utf-8",
	} {
		resp, err := http.Get(url + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Equal(t, typ, resp.Header.Get("Content-Type"), path)
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';", path)
		require.NotEmpty(t, body, path)
	}
	resp, err := http.Get(url + "main.go")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode, "nothing else is served")
}

// What people write never becomes markup, and the page loads nothing from elsewhere.
func TestThePageIsSafe(t *testing.T) {
	entries, err := files.ReadDir("page")
	require.NoError(t, err)
	require.Len(t, entries, 4)
	for _, e := range entries {
		p, err := files.ReadFile("page/" + e.Name())
		require.NoError(t, err)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\"", "onclick=\"", `src="http`, `href="http`, "@import", "url(", "fetch("} {
			require.NotContains(t, string(p), bad, e.Name())
		}
	}
}
