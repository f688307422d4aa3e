// A ticker, a timer that is stopped and set anew, and a function that runs later.
package main

import (
	"fmt"
	"strings"
	"time"
)

// Real time, so the units are coarse; a test would use testing/synctest (since Go 1.25).
const unit = 80 * time.Millisecond

// Ticks until it is told to quit.
func heartbeat(quit <-chan struct{}, result chan<- int) {
	ticker := time.NewTicker(unit)
	defer ticker.Stop()
	beats := 0
	for {
		select {
		case <-ticker.C:
			beats++
		case <-quit:
			result <- beats
			return
		}
	}
}

// Takes values until none has come for a while: each sets the timer anew.
func untilSilence(values <-chan int) []int {
	silence := time.NewTimer(5 * unit)
	var got []int
	for {
		select {
		case value := <-values:
			got = append(got, value)
			silence.Reset(5 * unit) // Without a drain since Go 1.23.
		case <-silence.C:
			return got
		}
	}
}

func main() {
	quit, result := make(chan struct{}), make(chan int)
	go heartbeat(quit, result)
	time.Sleep(3*unit + unit/2)
	quit <- struct{}{}
	fmt.Println(<-result, "beats in 35 ms")

	// A slow reader misses ticks; it does not get them all at once.
	ticker := time.NewTicker(unit)
	time.Sleep(3*unit + unit/2)
	<-ticker.C
	isThere := false
	select {
	case <-ticker.C:
		isThere = true
	default:
	}
	ticker.Stop()
	fmt.Println("another tick is there:", isThere)

	values := make(chan int)
	go func() {
		for _, next := range []struct{ wait, value int }{{1, 1}, {3, 2}, {3, 3}, {9, 4}} {
			time.Sleep(time.Duration(next.wait) * unit)
			values <- next.value // The last one blocks for ever.
		}
	}()
	got := fmt.Sprint(untilSilence(values))
	fmt.Println("until it was silent:", strings.ReplaceAll(got, " ", ", "))

	once := time.NewTimer(unit)
	fmt.Println("stopped in time:", once.Stop())
	fmt.Println("and again:", once.Stop())

	done := make(chan struct{})
	time.AfterFunc(unit, func() {
		fmt.Println("later")
		close(done)
	})
	stopped := time.AfterFunc(unit, func() { fmt.Println("this is stopped before") })
	stopped.Stop()
	<-done
}
