// Waits for goroutines, more than once, and with a time-out.
package main

import (
	"fmt"
	"sync"
	"time"
)

const unit = 50 * time.Millisecond

func process(item int) {
	time.Sleep(time.Duration(item) * unit)
	fmt.Println("processed", item)
}

func main() {
	var wg sync.WaitGroup
	for _, item := range []int{3, 1, 2} {
		wg.Add(1) // Before the wait, and not in the goroutine.
		go func() {
			defer wg.Done()
			process(item)
		}()
	}
	wg.Wait()
	fmt.Println("all of them")

	for _, item := range []int{30, 10, 20} {
		wg.Go(func() { // Since Go 1.25: Add, go and Done in one.
			time.Sleep(time.Duration(item) * unit / 5)
			fmt.Println("processed", item)
		})
	}
	// Wait takes no context: the goroutine beside it stays until the group is done.
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	select {
	case <-all:
		fmt.Println("all of them, in time")
	case <-time.After(3 * unit):
		fmt.Println("not yet: deadline exceeded while waiting for the group")
	}
	<-all
	fmt.Println("all of them")
}
