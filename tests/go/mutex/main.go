// A counter that many goroutines count up.
package main

import (
	"fmt"
	"sync"
)

type safeCounter struct {
	mu    sync.Mutex
	count int
}

func (c *safeCounter) inc() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
}

func (c *safeCounter) value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func main() {
	var c safeCounter
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(c.inc)
	}
	wg.Wait()
	fmt.Println("count:", c.value())

	c.mu.Lock()
	fmt.Println("try while it is locked:", c.mu.TryLock())
	c.mu.Unlock()
}
