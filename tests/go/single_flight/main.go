// Callers with the same key share one run. golang.org/x/sync is not in the standard library: here are
// its few lines.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

type call struct {
	done  chan struct{}
	value string
	err   error
}

type group struct {
	mu    sync.Mutex
	calls map[string]*call
}

func (g *group) do(key string, f func() (string, error)) (string, error) {
	g.mu.Lock()
	if c, ok := g.calls[key]; ok {
		g.mu.Unlock()
		<-c.done
		return c.value, c.err
	}
	c := &call{done: make(chan struct{})}
	g.calls[key] = c
	g.mu.Unlock()

	c.value, c.err = f()
	g.mu.Lock()
	delete(g.calls, key)
	g.mu.Unlock()
	close(c.done)
	return c.value, c.err
}

func main() {
	g := &group{calls: map[string]*call{}}
	var runs atomic.Int64
	fetch := func() (string, error) {
		runs.Add(1)
		time.Sleep(50 * time.Millisecond)
		return "the page", nil
	}
	var wg sync.WaitGroup
	answers := make(chan string, 5)
	for range 5 {
		wg.Go(func() {
			value, _ := g.do("page", fetch)
			answers <- value
		})
	}
	wg.Wait()
	close(answers)
	for answer := range answers {
		fmt.Println(answer)
	}
	fmt.Println("runs:", runs.Load())
	g.do("page", fetch) // Nothing is kept.
	fmt.Println("runs:", runs.Load())
}
