// Package wstest holds what the tests of this module share: a buffered
// in-memory connection, faults to inject into one, a scripted WebSocket peer,
// annotated hex, and a check that nothing is left behind.
//
// Everything here works inside a testing/synctest bubble, where no time passes
// but what the test lets pass, and outside of one as well.
package wstest
