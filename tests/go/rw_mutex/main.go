// A map with many readers and a writer that is not overtaken.
package main

import (
	"fmt"
	"sync"
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

func main() {
	c := &cache{items: map[string]int{}}
	c.set("apples", 3)
	item, ok := c.get("apples")
	fmt.Println("apples:", item, ok)
	_, ok = c.get("pears")
	fmt.Println("pears:", ok)

	c.mu.RLock()
	fmt.Println("a second reader:", c.mu.TryRLock())
	c.mu.RUnlock()
	fmt.Println("a writer beside a reader:", c.mu.TryLock())
	written := make(chan struct{})
	go func() {
		c.set("apples", 4)
		close(written)
	}()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("a reader behind a waiting writer:", c.mu.TryRLock())
	c.mu.RUnlock()
	<-written
	item, _ = c.get("apples")
	fmt.Println("apples:", item)
}
