// What leaks a goroutine, and how a context gives it an end.
package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

func expensive() int { return 6 * 7 }

func leak() <-chan int {
	ch := make(chan int)
	go func() { ch <- expensive() }() // Nobody receives: it blocks for ever.
	return ch
}

func noLeak(ctx context.Context) (results <-chan int, ended <-chan struct{}) {
	ch, done := make(chan int), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case ch <- expensive():
		case <-ctx.Done():
		}
	}()
	return ch, done
}

func main() {
	before := runtime.NumGoroutine()
	leak()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("nobody receives:", runtime.NumGoroutine()-before, "left")

	ctx, cancel := context.WithCancel(context.Background())
	before = runtime.NumGoroutine()
	_, ended := noLeak(ctx)
	cancel()
	<-ended
	time.Sleep(20 * time.Millisecond)
	fmt.Println("with a context:", runtime.NumGoroutine()-before, "left")
}
