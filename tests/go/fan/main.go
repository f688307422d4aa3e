// Fan-out to workers, each with an output of its own, and fan-in of their results.
package main

import (
	"fmt"
	"sync"
)

func generate(n int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for i := range n {
			out <- i + 1
		}
	}()
	return out
}

func worker(in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			out <- n * n
		}
	}()
	return out
}

func fanOut(in <-chan int, workers int) []<-chan int {
	outs := make([]<-chan int, workers)
	for i := range outs {
		outs[i] = worker(in)
	}
	return outs
}

func fanIn(channels ...<-chan int) <-chan int {
	var wg sync.WaitGroup
	out := make(chan int)
	for _, ch := range channels {
		wg.Go(func() {
			for n := range ch {
				out <- n
			}
		})
	}
	go func() { wg.Wait(); close(out) }()
	return out
}

func main() {
	for n := range fanIn(fanOut(generate(10), 3)...) {
		fmt.Println(n)
	}
}
