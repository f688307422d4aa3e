// Requests to one of several workers, in turn or by key.
package main

import (
	"fmt"
	"hash/fnv"
)

type request struct {
	key   string
	reply chan string
}

func worker(name string, requests <-chan request) {
	for r := range requests {
		r.reply <- name
	}
}

func main() {
	var workers []chan request
	for _, name := range []string{"a", "b", "c"} {
		requests := make(chan request)
		go worker(name, requests)
		workers = append(workers, requests)
	}
	ask := func(to int, key string) string {
		r := request{key, make(chan string)}
		workers[to] <- r
		return <-r.reply
	}

	for n := range 4 {
		fmt.Println("in turn:", ask(n%len(workers), ""))
	}
	byKey := func(key string) string {
		h := fnv.New32a()
		h.Write([]byte(key))
		return ask(int(h.Sum32())%len(workers), key)
	}
	fmt.Println("the same key, the same worker:", byKey("user 7") == byKey("user 7"))
}
