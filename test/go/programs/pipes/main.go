// os.Pipe between goroutines, through the poller; a deadline on a read.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"
)

func main() {
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		for i := 0; i < 5; i++ {
			time.Sleep(time.Millisecond)
			fmt.Fprintln(w, "line", i)
		}
		big := make([]byte, 200000)
		for i := range big {
			big[i] = 'x'
		}
		big[len(big)-1] = '\n'
		w.Write(big)
		w.Close()
	}()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			fmt.Println(err)
			break
		}
		if len(line) > 100 {
			fmt.Println("long line", len(line))
		} else {
			fmt.Print(line)
		}
	}
	r2, _, _ := os.Pipe()
	fmt.Println(r2.SetReadDeadline(time.Now().Add(5 * time.Millisecond)))
	_, err = r2.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
	fmt.Fprintln(os.Stderr, "to stderr")
}
