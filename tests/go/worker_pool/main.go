// A channel of jobs, some workers, a channel of results. A panic costs one job.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

type result struct {
	square int
	err    error
}

func process(job int) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("%v", p)
		}
	}()
	if job == 7 {
		panic("job 7 is broken")
	}
	time.Sleep(time.Duration(job%3) * time.Millisecond)
	return result{square: job * job}
}

func workerPool(jobs <-chan int, results chan<- result, workers int) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for job := range jobs {
				results <- process(job)
			}
		})
	}
	wg.Wait()
	close(results)
}

func main() {
	jobs, results := make(chan int, 10), make(chan result)
	go workerPool(jobs, results, 3)
	go func() {
		defer close(jobs)
		for job := range 10 {
			jobs <- job + 1
		}
	}()
	for r := range results {
		if r.err != nil {
			fmt.Println(r.err)
		} else {
			fmt.Println(r.square)
		}
	}

	// One job by itself, with a deadline.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	one := make(chan result, 1)
	go func() { one <- process(12) }()
	select {
	case r := <-one:
		fmt.Println(r.square)
	case <-ctx.Done():
		fmt.Println(ctx.Err())
	}

	// Results in the order of the jobs: a place for each.
	squares := make([]int, 3)
	var wg sync.WaitGroup
	for i := range squares {
		wg.Go(func() { squares[i] = (i + 1) * (i + 1) })
	}
	wg.Wait()
	for _, square := range squares {
		fmt.Println(square)
	}

	// Up to three attempts, by a loop.
	for attempt := 1; attempt <= 3; attempt++ {
		if attempt >= 3 {
			fmt.Println("good at attempt", attempt)
			break
		}
	}
}
