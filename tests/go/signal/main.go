// A worker that ends with SIGINT, as with any other cancel.
package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"
)

func worker(ctx context.Context, working chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			fmt.Println("worker stopped by SIGINT")
			return
		case <-time.After(time.Millisecond):
			select {
			case working <- struct{}{}: // doWork()
			default:
			}
		}
	}
}

func main() {
	// Since Go 1.16 in place of a channel, signal.Notify and a goroutine that cancels.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	working, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		worker(ctx, working)
	}()
	<-working
	fmt.Println("working")

	// Ctrl-C, pressed by the program itself.
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		panic(err)
	}
	<-done
	fmt.Println("ended in order")
}
