// A token bucket. golang.org/x/time is not in the standard library: here are its few lines.
package main

import (
	"errors"
	"fmt"
	"time"
)

// A clock of its own, so that it prints the same each time.
type clock struct{ now time.Duration }

func (c *clock) sleep(d time.Duration) { c.now += d }

type limiter struct {
	clock *clock
	every time.Duration
	burst int
	// When the bucket will be full again; the tokens that are missing until then are owed.
	full time.Duration
}

func newLimiter(c *clock, every time.Duration, burst int) *limiter {
	return &limiter{clock: c, every: every, burst: burst}
}

// How long n tokens are still to come.
func (l *limiter) delay(n int) time.Duration {
	ready := max(l.full, l.clock.now) + time.Duration(n-l.burst)*l.every
	return max(0, ready-l.clock.now)
}

func (l *limiter) take(n int) {
	l.full = max(l.full, l.clock.now) + time.Duration(n)*l.every
}

func (l *limiter) giveBack(n int) { l.full -= time.Duration(n) * l.every }

// Refused at once if the tokens come after the deadline.
func (l *limiter) wait(deadline time.Duration) error {
	d := l.delay(1)
	if l.clock.now+d > deadline {
		return fmt.Errorf("a wait of %v would exceed the context's deadline", d)
	}
	l.take(1)
	l.clock.sleep(d)
	return nil
}

var errLimited = errors.New("too many requests")

func (l *limiter) allow() (time.Duration, error) {
	if d := l.delay(1); d > 0 {
		return d, errLimited
	}
	l.take(1)
	return 0, nil
}

func (l *limiter) reserve(n int) time.Duration {
	d := l.delay(n)
	l.take(n)
	return d
}

const never = time.Duration(1<<63 - 1)

func main() {
	c := &clock{}
	l := newLimiter(c, 10*time.Millisecond, 3)
	for request := range 6 {
		if err := l.wait(never); err != nil {
			panic(err)
		}
		fmt.Printf("request %d at %d ms\n", request+1, c.now.Milliseconds())
	}
	if again, err := l.allow(); err != nil {
		fmt.Printf("%v, try again in %v\n", err, again)
	}
	fmt.Printf("reserved for %v from now\n", l.reserve(2))
	l.giveBack(2)
	if err := l.wait(c.now + 5*time.Millisecond); err != nil {
		fmt.Println("refused at once:", err)
	}
}
