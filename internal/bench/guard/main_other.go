//go:build !linux || !amd64 || purego

package main

import "fmt"

func main() {
	fmt.Println("skipped: the bounds are for Linux on x86-64, with the vector code")
}
