// Tries again, with a growing pause, until it works, the attempts are used up, or the context ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

func retry(ctx context.Context, attempts int, pause time.Duration, f func(int) error) error {
	var err error
	for n := range attempts {
		if err = f(n + 1); err == nil {
			return nil
		}
		if n+1 == attempts {
			break
		}
		jitter := time.Duration(rand.Int64N(int64(pause)/2 + 1))
		select {
		case <-time.After(pause + jitter):
			pause *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

func main() {
	ctx := context.Background()
	err := retry(ctx, 5, time.Millisecond, func(n int) error {
		fmt.Println("attempt", n)
		if n < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	fmt.Println("worked:", err == nil)

	err = retry(ctx, 2, time.Millisecond, func(int) error { return errors.New("broken") })
	fmt.Println(err)

	hurried, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	err = retry(hurried, 5, time.Hour, func(int) error { return errors.New("broken") })
	fmt.Println(err)
}
