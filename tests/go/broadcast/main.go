// One sender, many subscribers.
package main

import (
	"fmt"
	"strings"
	"sync"
)

// Every subscriber gets every value; the slowest sets the pace.
func everyone() {
	names := []string{"ada", "grace"}
	seen := make([][]int, len(names))
	var subscribers []chan int
	var wg sync.WaitGroup
	for i := range names {
		ch := make(chan int, 2)
		subscribers = append(subscribers, ch)
		wg.Go(func() {
			for value := range ch {
				seen[i] = append(seen[i], value)
			}
		})
	}
	for value := range 5 {
		for _, ch := range subscribers {
			ch <- value + 1
		}
	}
	for _, ch := range subscribers {
		close(ch)
	}
	wg.Wait()
	for i, name := range names {
		fmt.Println(name, "saw", strings.ReplaceAll(fmt.Sprint(seen[i]), " ", ", "))
	}
}

// A slow subscriber misses the oldest, and is told how many: a channel alone cannot tell.
type subscription struct {
	mu     sync.Mutex
	values chan int
	missed int
}

func (s *subscription) send(value int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		select {
		case s.values <- value:
			return
		default:
		}
		select {
		case <-s.values:
			s.missed++
		default:
		}
	}
}

func (s *subscription) lagged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	missed := s.missed
	s.missed = 0
	return missed
}

func slow() {
	screen := &subscription{values: make(chan int, 2)}
	for _, price := range []int{10, 11, 12, 13} {
		screen.send(price)
	}
	close(screen.values)
	if missed := screen.lagged(); missed > 0 {
		fmt.Println("missed", missed)
	}
	for price := range screen.values {
		fmt.Println("price", price)
	}
}

func main() {
	everyone()
	slow()
}
