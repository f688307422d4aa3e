// The go statement, with an argument for each goroutine.
package main

import (
	"fmt"
	"strings"
	"sync"
)

func process(item string) string { return strings.ToUpper(item) }

func main() {
	items := []string{"apple", "pear", "plum"}

	// A goroutine has no result: each gets a channel for it.
	var results []chan string
	for _, item := range items { // A new item in each round since Go 1.22.
		result := make(chan string, 1)
		results = append(results, result)
		go func() { result <- process(item) }()
	}
	for _, result := range results {
		fmt.Println(<-result)
	}

	// As an argument.
	sizes := make(chan int, len(items))
	var wg sync.WaitGroup
	for _, item := range items {
		wg.Add(1)
		go func(item string) {
			defer wg.Done()
			sizes <- len(item)
		}(item)
	}
	wg.Wait()
	close(sizes)
	sum := 0
	for size := range sizes {
		sum += size
	}
	fmt.Println(sum, "letters")
}
