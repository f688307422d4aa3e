// A token bucket. golang.org/x/time is not in the standard library: here are its few lines.
package main

import (
	"fmt"
	"sync"
	"time"
)

type limiter struct {
	mu     sync.Mutex
	every  time.Duration
	burst  float64
	tokens float64
	last   time.Time
}

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

func (l *limiter) fill() {
	now := time.Now()
	l.tokens = min(l.burst, l.tokens+float64(now.Sub(l.last))/float64(l.every))
	l.last = now
}

func (l *limiter) allow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill()
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// Takes a token on credit, and waits until it has come.
func (l *limiter) wait() {
	l.mu.Lock()
	l.fill()
	l.tokens--
	owed := time.Duration(-l.tokens * float64(l.every))
	l.mu.Unlock()
	time.Sleep(owed)
}

func main() {
	const every = 20 * time.Millisecond
	l := newLimiter(every, 3)
	for n := range 5 {
		fmt.Println("request", n+1, "allowed:", l.allow())
	}
	start := time.Now()
	for range 3 {
		l.wait()
	}
	fmt.Println("three more were held back:", time.Since(start) >= 2*every)
}
