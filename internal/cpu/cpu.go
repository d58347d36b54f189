// Package cpu tells which instructions this processor has, where that decides
// between two ways to do the same.
package cpu
