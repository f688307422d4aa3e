// At most ten at a time.
package main

import (
	"fmt"
	"sync"
	"time"
)

type semaphore chan struct{}

func newSemaphore(limit int) semaphore { return make(semaphore, limit) }

func (s semaphore) acquire() { s <- struct{}{} }
func (s semaphore) release() { <-s }

// Several at once. Two of these at the same time wait for each other for ever: a channel has no weights,
// semaphore.Weighted of golang.org/x/sync has.
func (s semaphore) acquireMany(n int) error {
	if n > cap(s) {
		return fmt.Errorf("%d permits asked of a semaphore of %d", n, cap(s))
	}
	for range n {
		s.acquire()
	}
	return nil
}

func process(item int, done chan<- int) {
	time.Sleep(time.Duration(item%3) * time.Millisecond)
	done <- item
}

func main() {
	sem := newSemaphore(10)
	done := make(chan int, 100)
	var wg sync.WaitGroup
	for item := range 100 {
		sem.acquire()
		wg.Go(func() {
			defer sem.release()
			process(item+1, done)
		})
	}
	wg.Wait()
	close(done)
	count, sum := 0, 0
	for item := range done {
		count, sum = count+1, sum+item
	}
	fmt.Printf("processed %d items, their sum is %d\n", count, sum)

	if err := sem.acquireMany(10); err != nil {
		panic(err)
	}
	fmt.Printf("alone, %d permits are free\n", cap(sem)-len(sem))
	fmt.Println("refused:", sem.acquireMany(11))
}
