// Package interop has the client of DDP that npm has, the package ddp, talk to
// examples/ddp. It is a module of its own, for it needs npm ci before its tests.
package interop
