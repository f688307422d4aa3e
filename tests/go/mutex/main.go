// A counter that many goroutines count up, and what may go wrong with a lock.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
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

var errDeadline = errors.New("deadline exceeded while waiting for a lease")

// Lock takes no context: to give up takes a loop.
func lock(ctx context.Context, mu *sync.Mutex) error {
	for !mu.TryLock() {
		select {
		case <-ctx.Done():
			return errDeadline
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func main() {
	c := &safeCounter{}
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(c.inc)
	}
	wg.Wait()
	fmt.Println("counted to", c.value())

	c.mu.Lock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := lock(ctx, &c.mu); err != nil {
		fmt.Println("not now:", err)
	}
	c.mu.Unlock()

	// The value is half changed, and nobody who comes next is told.
	failed := make(chan bool)
	go func() {
		defer func() { failed <- recover() != nil }()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.count = 0
		panic("a bug")
	}()
	fmt.Println("the task failed:", <-failed)
	if c.value() == 0 {
		c.mu.Lock()
		c.count = 1000
		c.mu.Unlock()
	}
	fmt.Println("recovered to", c.value())

	// With Lock in place of TryLock both wait for ever, unseen as long as anything else runs.
	var a, b sync.Mutex
	ready, tried, ended := make(chan struct{}), make(chan struct{}), make(chan bool)
	go func() {
		b.Lock()
		defer b.Unlock()
		close(ready)
		<-tried
		a.Lock()
		defer a.Unlock()
		ended <- true
	}()
	a.Lock()
	<-ready
	refused := 0
	if !b.TryLock() {
		refused++
	}
	a.Unlock()
	close(tried)
	<-ended
	fmt.Println("of two lockers in a circle", refused, "was refused")
}
