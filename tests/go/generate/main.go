// A generator, and an endless one that ends with its context.
package main

import (
	"context"
	"fmt"
)

func generate(ctx context.Context, next func() (int, bool)) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for {
			n, ok := next()
			if !ok {
				return
			}
			select {
			case out <- n:
			case <-ctx.Done(): // Without this case it stays blocked when the consumer leaves.
				return
			}
		}
	}()
	return out
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	for n := range generate(ctx, func() (int, bool) { n++; return n, n <= 5 }) {
		fmt.Println(n)
	}

	power := 0
	powers := generate(ctx, func() (int, bool) { power++; return 1 << (power - 1), true })
	fmt.Println(<-powers, <-powers)
	cancel()
	for range powers { // Until it has ended.
	}
}
