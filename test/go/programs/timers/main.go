// Sleeps, timers, tickers, a context with a deadline.
package main

import (
	"context"
	"fmt"
	"time"
)

func main() {
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	slept := time.Since(start)
	fmt.Println("slept at least 20 ms", slept >= 20*time.Millisecond, "and less than 40", slept < 40*time.Millisecond)
	timer := time.NewTimer(time.Hour)
	fmt.Println("stopped", timer.Stop())
	ticker := time.NewTicker(5 * time.Millisecond)
	for i := 0; i < 3; i++ {
		<-ticker.C
		fmt.Println("tick", i)
	}
	ticker.Stop()
	select {
	case <-make(chan int):
	case <-time.After(10 * time.Millisecond):
		fmt.Println("after")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	fmt.Println(ctx.Err())
	fmt.Println("year", time.Now().UTC().Year())
}
