// A counter that many goroutines count up.
package main

import (
	"fmt"
	"sync"
)

// With a data race: counts are lost, and only `go run -race` says so.
//
//	for range 1000 {
//		go func() { counter++ }()
//	}

func main() {
	var (
		counter int
		mu      sync.Mutex
		wg      sync.WaitGroup
	)
	for range 1000 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			counter++
		})
	}
	wg.Wait()
	fmt.Println("counter:", counter)
}
