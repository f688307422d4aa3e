// A map behind a sync.RWMutex, in which one caller fetches what is missing.
package main

import (
	"fmt"
	"sync"
	"time"
)

type item struct {
	page    string
	expires time.Time
}

type cache struct {
	mu       sync.RWMutex
	items    map[string]item
	fetching map[string]chan struct{}
}

func newCache() *cache {
	return &cache{items: map[string]item{}, fetching: map[string]chan struct{}{}}
}

func (c *cache) get(key string) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	item, ok := c.items[key]
	return item.page, ok && time.Now().Before(item.expires)
}

func (c *cache) set(key, page string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = item{page, time.Now().Add(time.Minute)}
}

func (c *cache) remove(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	item, ok := c.items[key]
	delete(c.items, key)
	return item.page, ok
}

func (c *cache) getOrFetch(key string, fetch func(string) string) string {
	for {
		if page, ok := c.get(key); ok {
			return page
		}
		c.mu.Lock()
		if it := c.items[key]; time.Now().Before(it.expires) { // Fetched since the look above.
			c.mu.Unlock()
			continue
		}
		done, isFetching := c.fetching[key]
		if !isFetching {
			done = make(chan struct{})
			c.fetching[key] = done
		}
		c.mu.Unlock()
		if isFetching {
			<-done
			continue
		}
		page := fetch(key) // A panic here would leave the others waiting for ever.
		c.set(key, page)
		c.mu.Lock()
		delete(c.fetching, key)
		c.mu.Unlock()
		close(done)
		return page
	}
}

func fetch(page string) string {
	fmt.Println("fetching", page)
	time.Sleep(20 * time.Millisecond)
	return "<h1>" + page + "</h1>"
}

func show(page string, ok bool) string {
	if !ok {
		return "None"
	}
	return fmt.Sprintf("Some(%q)", page)
}

func main() {
	pages := newCache()
	pages.set("home", "<h1>home</h1>")
	fmt.Println("home:", show(pages.get("home")))
	fmt.Println("news:", show(pages.get("news")))

	// Three ask at once, one fetches.
	results := make(chan string, 3)
	for range 3 {
		go func() { results <- pages.getOrFetch("news", fetch) }()
	}
	for range 3 {
		fmt.Println("news:", <-results)
	}

	fmt.Println("removed:", show(pages.remove("home")))
	fmt.Println(len(pages.items), "page left")
}
