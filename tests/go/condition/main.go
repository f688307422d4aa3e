// A bounded queue between a producer and a consumer, which wait on conditions.
package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const room = 2

func main() {
	var (
		mu      sync.Mutex
		filled  = sync.NewCond(&mu)
		emptied = sync.NewCond(&mu)
		queue   []int
	)
	go func() {
		for item := range 10 {
			mu.Lock()
			for len(queue) == room {
				emptied.Wait()
			}
			queue = append(queue, item+1)
			mu.Unlock()
			filled.Signal()
		}
	}()

	var taken []int
	for len(taken) < 10 {
		mu.Lock()
		for len(queue) == 0 {
			filled.Wait()
		}
		taken = append(taken, queue[0])
		queue = queue[1:]
		mu.Unlock()
		emptied.Signal()
	}
	fmt.Println("taken:", strings.ReplaceAll(fmt.Sprint(taken), " ", ", "))

	// Wait takes no deadline: somebody else has to wake it, and to say why.
	isLate := false
	timer := time.AfterFunc(10*time.Millisecond, func() {
		mu.Lock()
		defer mu.Unlock()
		isLate = true
		filled.Broadcast()
	})
	defer timer.Stop()
	mu.Lock()
	for len(queue) == 0 && !isLate {
		filled.Wait()
	}
	if len(queue) == 0 {
		fmt.Println("nothing more comes")
	}
	mu.Unlock()
	fmt.Println("left:", len(queue))
}
