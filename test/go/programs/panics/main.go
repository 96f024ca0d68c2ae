// Faults that Go turns into panics: they need exact siginfo and ucontext.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"
)

func try(name string, f func()) {
	defer func() { fmt.Println(name, "->", recover()) }()
	f()
}

type node struct {
	pad  [100]int
	next *node
}

var zero int
var nilNode *node

func main() {
	try("nil pointer", func() { fmt.Println(nilNode.next) })
	try("division", func() { fmt.Println(1 / zero) })
	try("index", func() { fmt.Println([]int{1}[zero+5]) })
	debug.SetPanicOnFault(true)
	try("wild pointer", func() {
		p := uintptr(0x30000000)
		fmt.Println(*(*int)(unsafe.Pointer(p)))
	})
	done := make(chan bool)
	go func() {
		defer close(done)
		try("in a goroutine", func() { nilNode.pad[3] = 1 })
	}()
	<-done
	var deep func(int) int
	deep = func(n int) int {
		if n == 0 {
			return 0
		}
		var block [64]int
		block[n%64] = n
		return deep(n-1) + block[n%64] - n + 1
	}
	fmt.Println("deep", deep(10000))
	defer os.Exit(4)
}
