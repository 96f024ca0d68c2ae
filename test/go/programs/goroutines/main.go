// Goroutines on all cores: channels, a mutex, a wait group, atomics, select.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

func collatz(n uint64) int {
	steps := 0
	for n != 1 {
		if n%2 == 0 {
			n /= 2
		} else {
			n = 3*n + 1
		}
		steps++
	}
	return steps
}

func main() {
	fmt.Println("cores", runtime.NumCPU())
	jobs := make(chan uint64)
	results := make(chan int, 8)
	var workers sync.WaitGroup
	var mu sync.Mutex
	perWorker := map[int]int{}
	var done int64
	for w := 0; w < 8; w++ {
		workers.Add(1)
		go func(id int) {
			defer workers.Done()
			for n := range jobs {
				results <- collatz(n)
				mu.Lock()
				perWorker[id]++
				mu.Unlock()
				atomic.AddInt64(&done, 1)
			}
		}(w)
	}
	go func() {
		for n := uint64(1); n <= 1000; n++ {
			jobs <- n
		}
		close(jobs)
		workers.Wait()
		close(results)
	}()
	sum, most := 0, 0
	for r := range results {
		sum += r
		if r > most {
			most = r
		}
	}
	total := 0
	for _, n := range perWorker {
		total += n
	}
	fmt.Println("sum", sum, "most", most, "done", atomic.LoadInt64(&done), "counted", total)

	// A goroutine that never calls anything must be preempted (SIGURG by thr_kill).
	runtime.GOMAXPROCS(1)
	var stop int32
	go func() {
		for {
			atomic.AddInt64(&done, 1)
			if atomic.LoadInt32(&stop) != 0 {
				return
			}
		}
	}()
	var spins uint32
	go func() {
		for {
			spins++
		}
	}()
	for i := 0; i < 3; i++ {
		runtime.Gosched()
	}
	atomic.StoreInt32(&stop, 1)
	fmt.Println("preempted")
	runtime.GC()
	fmt.Println("collected")
}
