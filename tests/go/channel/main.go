// Unbuffered and buffered channels: send, receive, close, range, length, and the nil channel.
package main

import "fmt"

func main() {
	unbuffered()
	buffered()
	null()
}

// Sender and receiver meet: neither goes on before the other has come.
func unbuffered() {
	ch := make(chan int)
	select {
	case ch <- 1:
	default:
		fmt.Println("unbuffered: nobody receives, so nothing is sent")
	}
	go func() { ch <- 42 }()
	fmt.Println("unbuffered: received", <-ch)
}

// A send waits only while the channel is full. A close lets the stored values out.
func buffered() {
	ch := make(chan int, 3)
	ch <- 7
	ch <- 0
	fmt.Println("buffered:", len(ch), "of", cap(ch))
	close(ch)
	for value := range ch {
		fmt.Println("buffered: received", value)
	}
	if _, ok := <-ch; !ok {
		fmt.Println("buffered: closed")
	}
	defer func() {
		if recover() != nil {
			fmt.Println("buffered: a send on a closed channel fails")
		}
	}()
	ch <- 9
}

// Never ready, and never an error: a case that is switched off.
func null() {
	var ch chan int
	select {
	case <-ch:
	default:
		fmt.Println("nil: never ready")
	}
}
