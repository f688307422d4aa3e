// An errgroup with a limit. golang.org/x/sync is not in the standard library: here are its few lines.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

type group struct {
	wg     sync.WaitGroup
	slots  chan struct{}
	once   sync.Once
	err    error
	cancel context.CancelCauseFunc
}

func withContext(ctx context.Context, limit int) (*group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{slots: make(chan struct{}, limit), cancel: cancel}, ctx
}

func (g *group) run(f func() error) {
	g.slots <- struct{}{}
	g.wg.Go(func() {
		defer func() { <-g.slots }()
		if err := f(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel(err)
			})
		}
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	g.cancel(g.err)
	return g.err
}

func main() {
	g, _ := withContext(context.Background(), 2)
	var sum, running, peak atomic.Int64
	for n := range int64(10) {
		g.run(func() error {
			peak.Store(max(peak.Load(), running.Add(1)))
			defer running.Add(-1)
			sum.Add(n + 1)
			return nil
		})
	}
	fmt.Println("error:", g.wait())
	fmt.Println("sum:", sum.Load(), "two at a time:", peak.Load() <= 2)

	g, ctx := withContext(context.Background(), 2)
	g.run(func() error {
		<-ctx.Done()
		fmt.Println("the other was cancelled:", context.Cause(ctx))
		return ctx.Err()
	})
	g.run(func() error { return errors.New("page 2 is missing") })
	fmt.Println("first error:", g.wait())
}
