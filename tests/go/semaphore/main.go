// At most so many at a time.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

type semaphore chan struct{}

func (s semaphore) acquire() { s <- struct{}{} }
func (s semaphore) release() { <-s }
func (s semaphore) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func main() {
	sem := make(semaphore, 3)
	var wg sync.WaitGroup
	var running, peak atomic.Int64
	for range 10 {
		sem.acquire()
		wg.Go(func() {
			defer sem.release()
			now := running.Add(1)
			defer running.Add(-1)
			for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
			}
			time.Sleep(5 * time.Millisecond)
		})
	}
	wg.Wait()
	fmt.Println("at most at a time:", peak.Load())

	for range 3 {
		sem.acquire()
	}
	fmt.Println("a fourth:", sem.try())
	sem.release()
	fmt.Println("after a release:", sem.try())
}
