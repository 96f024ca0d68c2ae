// signal.Notify with kill, what is ignored, and the default action at the end.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGHUP)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println("got", <-c)
	go func() {
		time.Sleep(5 * time.Millisecond)
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
	}()
	fmt.Println("got", <-c)
	signal.Ignore(syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	fmt.Println("still here")
	signal.Reset(syscall.SIGHUP)
	go syscall.Kill(os.Getpid(), syscall.SIGHUP)
	time.Sleep(time.Second)
	fmt.Println("not reached")
}
