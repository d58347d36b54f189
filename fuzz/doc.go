// Package fuzz holds the fuzz targets of the module. It has no code of its own:
// the targets see what a user sees, the exported API, and compare it with slow
// models, with itself under another split of the input, and with the rules.
//
// # Targets
//
// Bytes:
//
//   - FuzzHeader, FuzzValidator, FuzzMask, FuzzClosePayload, FuzzUTF8: each part of
//     the codec does what a slow model of it does.
//   - FuzzExtensions, FuzzRequest, FuzzResponse, FuzzAcceptRequestsOfOurClient: the
//     opening handshake reads and refuses what net/http does, in any chunks, and
//     our two sides understand each other.
//   - FuzzConnectProxy, FuzzSOCKSProxy: a proxy opens the way to the target by what
//     net/http, and a plain reader of SOCKS, take for that, and by nothing else.
//   - FuzzConn: a connection makes of any bytes what the reference decoder does.
//
// Programs, which the input is decoded into, so that most of what the fuzzer tries
// is almost right:
//
//   - FuzzSession: FuzzConn over sessions of frames. All ways to read, whole and cut,
//     interrupted or not, tell of the same messages, Pongs, Close frame and error.
//   - FuzzRoles: a session has the same outcome for a server as for a client.
//   - FuzzClosing: this side closes at any point of a session.
//   - FuzzCompressed: what a peer compresses with compress/flate, flushed anywhere and
//     with a byte wrong, is read alike in all ways; what is written in turn is read
//     by the other side.
//   - FuzzWriter: what is written in all ways, under contexts that end after any
//     byte, is what the peer hears, with one Close frame and nothing behind it.
//
// The reference decoder, reference_test.go, is RFC 6455, sections 5, 7 and 8, for
// reading. Where it and a connection differ, the RFC says who is wrong.
//
// # Running
//
// The seeds in testdata/fuzz and those that the targets add themselves run with
// every go test. To look for more:
//
//	go test ./fuzz -run '^$' -fuzz '^FuzzSession$' -fuzztime 15m -fuzzminimizetime 10x
//
// What is worth keeping of that, the corpus, is in $(go env GOCACHE)/fuzz. An input
// that fails is written to testdata/fuzz/FuzzSession; commit it with the fix. It
// runs again, alone, with
//
//	go test ./fuzz -run 'FuzzSession/0123456789abcdef'
//
// To see what a corpus reaches, copy it to testdata/fuzz/FuzzSession for a while:
//
//	go test ./fuzz -run '^FuzzSession$' -coverpkg ./frame,./handshake,./conn -coverprofile fuzz.cov
//	go tool cover -html fuzz.cov
//
// OSS-Fuzz builds a target for libFuzzer from the same function, by this line of a
// build.sh. It puts a package of its own in place of testing, so the targets that
// need testing/synctest, FuzzConn and those of programs, are for go test alone.
//
//	compile_native_go_fuzzer github.com/parleyws/websocket/fuzz FuzzHeader header
package fuzz
