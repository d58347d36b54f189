// Package deps holds no code but a test: that the packages of this module
// import each other in one direction only, that programs which import them get
// nothing but the standard library along with them, and that the top level of
// the repository stays as small as it is.
//
// The rules are in rules_test.go, as data.
package deps
