// Each value to each subscriber, from when it has subscribed.
package main

import (
	"fmt"
	"sync"
)

type broadcast struct {
	mu          sync.Mutex
	subscribers []chan int
}

func (b *broadcast) subscribe() <-chan int {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := make(chan int, 10)
	b.subscribers = append(b.subscribers, ch)
	return ch
}

// A subscriber whose queue is full misses the value.
func (b *broadcast) send(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.subscribers {
		select {
		case ch <- n:
		default:
		}
	}
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.subscribers {
		close(ch)
	}
}

func main() {
	var b broadcast
	early := b.subscribe()
	b.send(1)
	late := b.subscribe()
	b.send(2)
	b.send(3)
	b.close()
	for n := range early {
		fmt.Println("early:", n)
	}
	for n := range late {
		fmt.Println("late:", n)
	}
}
