// Package interop has the client of Socket.IO, as npm has it, talk to examples/socketio:
// in node, and in a page in Chromium. It is a module of its own, for it needs a driver
// for the browser, and npm ci before its tests.
package interop
