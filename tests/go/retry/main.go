// Tries again, with a growing pause, until it works, it is not worth it, or the context ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

var (
	errBusy     = errors.New("the server is busy")
	errNotFound = errors.New("there is no such page")
)

// A server that is busy twice.
type server struct{ busy int }

func (s *server) get(page string) (string, error) {
	if s.busy > 0 {
		s.busy--
		return "", errBusy
	}
	if page == "/" {
		return "welcome", nil
	}
	return "", errNotFound
}

func retry(ctx context.Context, attempts int, pause, limit time.Duration, f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errBusy):
			return fmt.Errorf("not to be retried after attempt %d; the last error: %w", attempt, err)
		case attempt == attempts:
			return fmt.Errorf("gave up after %d attempts; the last error: %w", attempt, err)
		}
		timer := time.NewTimer(rand.N(pause) + 1) // Full jitter.
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("deadline exceeded after attempt %d; the last error: %w", attempt, err)
		}
		pause = min(2*pause, limit)
	}
}

func main() {
	ctx := context.Background()
	s := &server{busy: 2}

	attempts, page := 0, ""
	err := retry(ctx, 5, 2*time.Millisecond, 20*time.Millisecond, func() (err error) {
		attempts++
		page, err = s.get("/")
		return err
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s, after %d attempts\n", page, attempts)

	err = retry(ctx, 5, 2*time.Millisecond, 20*time.Millisecond, func() error {
		_, err := s.get("/x")
		return err
	})
	fmt.Println(err)

	// The context ends it, also while it waits.
	hurried, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	err = retry(hurried, 5, 1000*time.Hour, 1000*time.Hour, func() error { return errBusy })
	fmt.Println(err)
}
