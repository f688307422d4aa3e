// Waits for several operations, and makes exactly one.
package main

import (
	"context"
	"fmt"
	"time"
)

// Receives, a send, and a default.
func several() {
	ch1, ch2, ch3 := make(chan int, 1), make(chan int, 1), make(chan string, 1)
	poll := func() {
		select {
		case v := <-ch1:
			fmt.Println("ch1:", v)
		case v := <-ch2:
			fmt.Println("ch2:", v)
		case ch3 <- "hello":
			fmt.Println("sent to ch3")
		default:
			fmt.Println("no activity")
		}
	}
	poll() // Only ch3 has room.
	poll()
	ch2 <- 2
	poll()
	fmt.Println("ch3:", <-ch3)
}

func timeOut() {
	never := make(chan int)
	select {
	case v := <-never:
		fmt.Println("received", v)
	case <-time.After(10 * time.Millisecond):
		fmt.Println("timed out")
	}
}

func worker(ctx context.Context, jobs <-chan int, done chan<- int) {
	defer close(done)
	for {
		select {
		case <-ctx.Done():
			fmt.Println("cancelled")
			return
		case job := <-jobs:
			done <- job
		}
	}
}

func cancellation() {
	ctx, cancel := context.WithCancel(context.Background())
	jobs, done := make(chan int), make(chan int)
	go worker(ctx, jobs, done)
	for job := range 2 {
		jobs <- job + 1
		fmt.Println("job", <-done)
	}
	cancel()
	<-done
}

// A nil channel is a case that is switched off: both inputs, until both are closed.
func merged() {
	a, b := make(chan int, 2), make(chan int, 2)
	a <- 1
	a <- 2
	b <- 3
	close(a)
	close(b)
	sum := 0
	for a != nil || b != nil {
		select {
		case v, ok := <-a:
			if !ok {
				a = nil
			}
			sum += v
		case v, ok := <-b:
			if !ok {
				b = nil
			}
			sum += v
		}
	}
	fmt.Println("sum of both:", sum)
}

func main() {
	several()
	timeOut()
	cancellation()
	merged()
}
