// A map with many readers, and a writer that has it alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

type cache struct {
	mu    sync.RWMutex
	items map[string]int
}

func (c *cache) get(key string) (int, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	item, ok := c.items[key]
	return item, ok
}

func (c *cache) set(key string, item int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = item
}

var errDeadline = errors.New("deadline exceeded while waiting for a lease")

// RLock takes no context: to give up takes a loop.
func rLock(ctx context.Context, mu *sync.RWMutex) error {
	for !mu.TryRLock() {
		select {
		case <-ctx.Done():
			return errDeadline
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func show(item int, ok bool) string {
	if !ok {
		return "None"
	}
	return fmt.Sprintf("Some(%d)", item)
}

func main() {
	c := &cache{items: map[string]int{}}
	c.set("apple", 3)
	c.set("pear", 5)
	var wg sync.WaitGroup
	var same atomic.Int64
	for range 100 {
		wg.Go(func() {
			if item, _ := c.get("apple"); item == 3 {
				same.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(same.Load(), "readers read the same")

	// Readers stand beside each other. A writer has it alone.
	c.mu.RLock()
	c.mu.RLock() // Not when a writer may come in between: then this one waits for it, and it for us.
	item, ok := c.items["pear"]
	fmt.Println("two readers:", show(item, ok), "and", show(item, ok))
	if !c.mu.TryLock() {
		fmt.Println("no writer meanwhile")
	}
	c.mu.RUnlock()
	c.mu.RUnlock()

	c.mu.Lock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := rLock(ctx, &c.mu); err != nil {
		fmt.Println("no reader either:", err)
	}
	c.mu.Unlock()
	fmt.Println(show(c.get("plum")))
}
