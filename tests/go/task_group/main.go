// An errgroup with a limit. golang.org/x/sync is not in the standard library: here are its few lines.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

type group struct {
	wg     sync.WaitGroup
	slots  chan struct{}
	once   sync.Once
	err    error
	cancel context.CancelCauseFunc
}

// Without a limit if it is 0.
func withContext(ctx context.Context, limit int) (*group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	g := &group{cancel: cancel}
	if limit > 0 {
		g.slots = make(chan struct{}, limit)
	}
	return g, ctx
}

func (g *group) run(f func() error) {
	if g.slots != nil {
		g.slots <- struct{}{} // Waits while as many are running.
	}
	g.wg.Go(func() {
		defer func() {
			if g.slots != nil {
				<-g.slots
			}
		}()
		if err := f(); err != nil {
			g.once.Do(func() {
				g.err = err
				if g.cancel != nil {
					g.cancel(err)
				}
			})
		}
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	if g.cancel != nil {
		g.cancel(g.err)
	}
	return g.err
}

// Takes as many milliseconds as the page has letters, and there is no page /gone.
func fetch(ctx context.Context, page string) (int, error) {
	if err := sleep(ctx, time.Duration(len(page))*time.Millisecond); err != nil {
		return 0, err
	}
	if page == "/gone" {
		return 0, errors.New("404: /gone")
	}
	return len(page), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func main() {
	pages := []string{"/", "/about", "/contact"}
	sizes := make([]int, len(pages)) // A goroutine has no result.
	g, ctx := withContext(context.Background(), 2)
	for i, page := range pages {
		g.run(func() (err error) {
			sizes[i], err = fetch(ctx, page)
			return err
		})
	}
	if err := g.wait(); err != nil {
		panic(err)
	}
	for _, size := range sizes {
		fmt.Println(size, "bytes")
	}

	// The first error ends the others, if they look at the context.
	g, ctx = withContext(context.Background(), 0)
	var slow error
	g.run(func() error {
		slow = sleep(ctx, time.Hour)
		return slow
	})
	g.run(func() error {
		_, err := fetch(ctx, "/gone")
		return err
	})
	fmt.Println("failed:", g.wait())
	fmt.Println("the slow one was ended:", slow != nil)

	// Or they go on, and each has its result.
	plain := &group{}
	var gone, there error
	plain.run(func() error { _, gone = fetch(context.Background(), "/gone"); return gone })
	plain.run(func() error { _, there = fetch(context.Background(), "/about"); return there })
	failed := plain.wait() != nil
	fmt.Printf("failed: %t, found: %t, %t\n", failed, gone == nil, there == nil)
}
