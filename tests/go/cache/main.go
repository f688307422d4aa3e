// A map that is read far more often than it is written.
package main

import (
	"fmt"
	"sync"
)

type cache[K comparable, V any] struct {
	mu    sync.RWMutex
	items map[K]V
}

func newCache[K comparable, V any]() *cache[K, V] {
	return &cache[K, V]{items: map[K]V{}}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	item, ok := c.items[key]
	return item, ok
}

func (c *cache[K, V]) set(key K, item V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = item
}

func main() {
	c := newCache[string, int]()
	_, ok := c.get("apples")
	fmt.Println("apples:", ok)
	c.set("apples", 3)
	item, ok := c.get("apples")
	fmt.Println("apples:", item, ok)
}
