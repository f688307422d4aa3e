// Package context: workers that poll, a cancel with its cause, a deadline, values.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errStop = errors.New("stop was pressed")

func polls(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for ctx.Err() == nil {
		done <- struct{}{} // doWork()
	}
	fmt.Println("polling:", text(ctx))
}

func selects(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for {
		select {
		case <-ctx.Done():
			fmt.Println("select:", text(ctx))
			return
		default:
			done <- struct{}{} // doWork()
		}
	}
}

func workers() {
	for _, worker := range []func(context.Context, chan<- struct{}){polls, selects} {
		ctx, cancel := context.WithCancelCause(context.Background())
		rounds := make(chan struct{})
		go worker(ctx, rounds)
		for range 3 {
			<-rounds
		}
		cancel(errStop)
		for range rounds { // What it had begun.
		}
	}
}

// A cancel has marked everything below when it returns, and nothing above or beside.
func propagation() {
	root := context.Background()
	parent, cancel := context.WithCancelCause(root)
	child, cancelChild := context.WithCancel(parent)
	defer cancelChild()
	grandchild, cancelGrandchild := context.WithTimeout(child, time.Hour)
	defer cancelGrandchild()
	apart := context.WithoutCancel(child)
	cancel(errStop)
	fmt.Println("grandchild:", text(grandchild))
	fmt.Println("without cancel:", text(apart))
	fmt.Println("root:", text(root))
}

func deadline() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	select {
	case <-time.After(time.Hour):
		fmt.Println("deadline: slept")
	case <-ctx.Done():
		fmt.Println("deadline:", text(ctx))
	}
}

func text(ctx context.Context) string {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return "goes on"
	case errors.Is(cause, context.DeadlineExceeded):
		return "ended, deadline exceeded"
	}
	return fmt.Sprintf("ended, %v", cause)
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		return id
	}
	return "no request"
}

type line struct {
	ctx  context.Context // A message carries it, since no call does.
	text string
	done chan struct{}
}

func log(ctx context.Context, lines chan<- line, text string) {
	done := make(chan struct{})
	lines <- line{ctx, text, done}
	<-done
}

func values() {
	lines := make(chan line)
	defer close(lines)
	go func() {
		for l := range lines {
			fmt.Printf("%s: %s\n", requestID(l.ctx), l.text)
			close(l.done)
		}
	}()
	ctx := context.WithValue(context.Background(), requestIDKey{}, "request 7")
	log(ctx, lines, "in an actor")
	done := make(chan struct{})
	go func() {
		defer close(done)
		log(ctx, lines, "in a task")
	}()
	<-done
	log(context.Background(), lines, "outside")
}

func main() {
	workers()
	propagation()
	deadline()
	values()
}
