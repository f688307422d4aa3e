// Buffers that are used again.
package main

import (
	"bytes"
	"fmt"
	"sync"
)

var bufferPool = sync.Pool{
	New: func() any { return new(bytes.Buffer) },
}

func process(text string) string {
	buf := bufferPool.Get().(*bytes.Buffer)
	defer func() {
		buf.Reset()
		bufferPool.Put(buf)
	}()
	buf.WriteString("<")
	buf.WriteString(text)
	buf.WriteString(">")
	return buf.String()
}

func main() {
	fmt.Println(process("one"))
	fmt.Println(process("two"))
}
