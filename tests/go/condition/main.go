// A queue whose consumers wait on a condition.
package main

import (
	"fmt"
	"sync"
)

func main() {
	var (
		mu    sync.Mutex
		cond  = sync.NewCond(&mu)
		queue []int
		wg    sync.WaitGroup
		sum   int
	)
	for range 3 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for len(queue) == 0 {
				cond.Wait()
			}
			sum += queue[0]
			queue = queue[1:]
		})
	}
	for n := range 3 {
		mu.Lock()
		queue = append(queue, n+1)
		mu.Unlock()
		cond.Signal()
	}
	wg.Wait()
	fmt.Println("sum:", sum)

	ready, woken := false, 0
	for range 3 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for !ready {
				cond.Wait()
			}
			woken++
		})
	}
	mu.Lock()
	ready = true
	mu.Unlock()
	cond.Broadcast()
	wg.Wait()
	fmt.Println("woken by one broadcast:", woken)
}
