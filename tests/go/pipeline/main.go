// A pipeline: numbers are made, squared by several workers, gathered and printed, in order.
package main

import (
	"errors"
	"fmt"
	"strings"
)

func generate[T any](values ...T) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		for _, value := range values {
			out <- value
		}
	}()
	return out
}

// The order is that of the input: a queue of places, each filled by a goroutine of its own.
func ordered(in <-chan int, workers int, f func(int) int) <-chan int {
	places := make(chan chan int, workers)
	go func() {
		defer close(places)
		for n := range in {
			place := make(chan int, 1)
			places <- place
			go func() { place <- f(n) }()
		}
	}()
	out := make(chan int)
	go func() {
		defer close(out)
		for place := range places {
			out <- <-place
		}
	}()
	return out
}

func batches(in <-chan int, size int) <-chan []int {
	out := make(chan []int)
	go func() {
		defer close(out)
		var batch []int
		for n := range in {
			if batch = append(batch, n); len(batch) == size {
				out <- batch
				batch = nil
			}
		}
		if len(batch) > 0 {
			out <- batch
		}
	}()
	return out
}

type deadLetter struct {
	item string
	err  error
}

// What fails is set aside, and does not stop the rest.
func parsed(in <-chan string, dead chan<- deadLetter) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		defer close(dead)
		for text := range in {
			if n, err := parse(text); err != nil {
				dead <- deadLetter{text, err}
			} else {
				out <- n
			}
		}
	}()
	return out
}

func parse(text string) (int, error) {
	n := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return 0, errors.New("invalid digit found in string")
		}
		n = n*10 + int(digit-'0')
	}
	return n, nil
}

func square(n int) int { return n * n }

func main() {
	for batch := range batches(ordered(generate(1, 2, 3, 4, 5), 4, square), 2) {
		fmt.Println(strings.ReplaceAll(fmt.Sprint(batch), " ", ", "))
	}

	dead := make(chan deadLetter, 10)
	sum := 0
	for n := range ordered(parsed(generate("10", "ten", "11"), dead), 2, square) {
		sum += n
	}
	fmt.Println("sum:", sum)
	for letter := range dead {
		fmt.Printf("%s: %v\n", letter.item, letter.err)
	}
}
