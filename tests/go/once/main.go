// A singleton that is made once, however many ask, and one that is tried again after a failure.
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

type database struct{ name string }

func connect(name string) *database {
	fmt.Println("connecting to", name)
	time.Sleep(5 * time.Millisecond)
	return &database{name}
}

var (
	instance *database
	once     sync.Once
)

func get() *database {
	once.Do(func() { instance = connect("main") })
	return instance
}

// sync.Once counts a failure as done: to try again takes a lock of one's own.
type retrying struct {
	mu      sync.Mutex
	value   *database
	connect func() (*database, error)
}

func (r *retrying) get() (*database, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.value != nil {
		return r.value, nil
	}
	value, err := r.connect()
	if err == nil {
		r.value = value
	}
	return value, err
}

func main() {
	fmt.Println("nothing yet:", instance == nil)
	names := make(chan string, 3)
	for range 3 {
		go func() { names <- get().name }()
	}
	for range 3 {
		fmt.Println("connected to", <-names)
	}

	attempts := 0
	flaky := &retrying{connect: func() (*database, error) {
		if attempts++; attempts == 1 {
			return nil, errors.New("connection refused")
		}
		return connect("replica"), nil
	}}
	if _, err := flaky.get(); err != nil {
		fmt.Println("failed:", err)
	}
	if db, err := flaky.get(); err == nil {
		fmt.Println("connected to", db.name)
	}
}
