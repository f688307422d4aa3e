// A singleton that is made once, however many ask.
package main

import (
	"fmt"
	"sync"
)

type singleton struct{ number int }

var (
	runs     int
	instance = sync.OnceValue(func() *singleton {
		runs++
		return &singleton{number: 42}
	})
)

func main() {
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { instance() })
	}
	wg.Wait()
	fmt.Println("instance:", instance().number)
	fmt.Println("made:", runs)
}
