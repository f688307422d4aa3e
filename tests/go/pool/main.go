// Buffers that are used again instead of being made anew.
package main

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	made       atomic.Int64
	bufferPool = sync.Pool{
		New: func() any {
			made.Add(1)
			return new(bytes.Buffer)
		},
	}
)

func process(data string) int {
	buf := bufferPool.Get().(*bytes.Buffer)
	defer func() {
		buf.Reset()
		bufferPool.Put(buf)
	}()
	buf.WriteString(data)
	return buf.Len()
}

func main() {
	// A pool may lose what it has at any time. Not here, so that it prints the same each time.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)

	for _, data := range []string{"hello", "you", ""} {
		fmt.Println(process(data))
	}
	fmt.Println("buffers made for three calls:", made.Load())

	// It has no bound: that is a semaphore beside it.
	limit := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			process("data")
		})
	}
	wg.Wait()
	fmt.Printf("never more than %d, in use now: %d\n", cap(limit), len(limit))
}
