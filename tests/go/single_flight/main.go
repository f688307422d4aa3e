// Callers with the same key share one run. golang.org/x/sync is not in the standard library: here are
// its few lines.
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

type call struct {
	done    chan struct{}
	value   string
	err     error
	callers int
}

type group struct {
	mu    sync.Mutex
	calls map[int]*call
}

// Starts the run, or joins the one that is under way.
func (g *group) start(key int, f func() (string, error)) *call {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c, ok := g.calls[key]; ok {
		c.callers++
		return c
	}
	c := &call{done: make(chan struct{}), callers: 1}
	g.calls[key] = c
	go func() {
		c.value, c.err = f() // A panic here ends the process.
		g.mu.Lock()
		delete(g.calls, key)
		g.mu.Unlock()
		close(c.done)
	}()
	return c
}

func (c *call) wait() (value string, err error, shared bool) {
	<-c.done
	return c.value, c.err, c.callers > 1
}

func load(id int) (string, error) {
	fmt.Println("loading", id)
	time.Sleep(20 * time.Millisecond)
	if id == 404 {
		return "", errors.New("no such user")
	}
	return fmt.Sprint("user ", id), nil
}

func main() {
	g := &group{calls: map[int]*call{}}
	loading := func(id int) func() (string, error) {
		return func() (string, error) { return load(id) }
	}

	// Ten requests for the same user, at the same time: one load.
	var requests []*call
	for range 10 {
		requests = append(requests, g.start(7, loading(7)))
	}
	count := 0
	for _, request := range requests {
		if value, _, shared := request.wait(); shared && value == "user 7" {
			count++
		}
	}
	fmt.Println(count, "share it")

	// Nothing is cached: the next one loads again.
	value, _, shared := g.start(7, loading(7)).wait()
	fmt.Printf("%s, shared: %t\n", value, shared)

	// One that gives up leaves the load to the others.
	patient := g.start(8, loading(8))
	select {
	case <-g.start(8, loading(8)).done:
		fmt.Println("gave up: false")
	case <-time.After(time.Millisecond):
		fmt.Println("gave up: true")
	}
	value, _, _ = patient.wait()
	fmt.Println(value)

	if _, err, _ := g.start(404, loading(404)).wait(); err != nil {
		fmt.Println("failed:", err)
	}
}
