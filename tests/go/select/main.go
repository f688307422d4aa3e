// Several channels, a time-out, a cancellation, and any number of channels.
package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

func severalChannels() {
	ch1, ch2, ch3 := make(chan string, 1), make(chan string, 1), make(chan string, 1)
	ch3 <- "full"
	for round := range 4 {
		switch round {
		case 1:
			ch1 <- "news"
		case 2:
			fmt.Println("ch3 had:", <-ch3)
		}
		select {
		case msg := <-ch1:
			fmt.Println("ch1:", msg)
		case msg := <-ch2:
			fmt.Println("ch2:", msg)
		case ch3 <- "hello":
			fmt.Println("sent to ch3")
		default:
			fmt.Println("no activity")
		}
	}
}

func timeOut(results <-chan int) (int, error) {
	select {
	case result := <-results:
		return result, nil
	case <-time.After(20 * time.Millisecond):
		return 0, errors.New("timeout")
	}
}

func worker(ctx context.Context, jobs <-chan int, result chan<- int) {
	done := 0
	for {
		select {
		case <-ctx.Done():
			result <- done
			return
		case job := <-jobs:
			done += job
		}
	}
}

// As many cases as there are inputs, and one less when an input is closed.
func merge(inputs []<-chan int) int {
	cases := make([]reflect.SelectCase, len(inputs))
	for i, input := range inputs {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(input)}
	}
	sum := 0
	for len(cases) > 0 {
		i, value, ok := reflect.Select(cases)
		if ok {
			sum += int(value.Int())
		} else {
			cases = append(cases[:i], cases[i+1:]...)
		}
	}
	return sum
}

func main() {
	severalChannels()

	_, err := timeOut(make(chan int))
	fmt.Println(err)

	ctx, cancel := context.WithCancel(context.Background())
	jobs, result := make(chan int), make(chan int)
	go worker(ctx, jobs, result)
	for job := range 3 {
		jobs <- job + 1
	}
	cancel()
	fmt.Println("the worker did", <-result)

	var inputs []<-chan int
	for n := range 5 {
		ch := make(chan int, 1)
		go func() {
			defer close(ch)
			for value := range n + 1 {
				ch <- value + 1
			}
		}()
		inputs = append(inputs, ch)
	}
	fmt.Println("merged:", merge(inputs))
}
