// Package fuzz holds the fuzz targets of the module. It has no code of its own:
// the targets see what a user sees, the exported API, and compare it with slow
// models, with itself under another split of the input, and with the rules.
//
// The seeds in testdata/fuzz and those that the targets add themselves run with
// every go test. To look for more:
//
//	go test ./fuzz -run '^$' -fuzz '^FuzzHeader$' -fuzztime 1m
package fuzz
