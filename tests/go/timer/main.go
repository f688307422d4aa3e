// time.After, time.Ticker and time.Timer.
package main

import (
	"fmt"
	"time"
)

const unit = 20 * time.Millisecond

func main() {
	start := time.Now()
	<-time.After(unit)
	fmt.Println("after: waited", time.Since(start) >= unit)

	ticker := time.NewTicker(unit)
	for n := range 3 {
		<-ticker.C
		fmt.Println("tick", n+1)
	}
	time.Sleep(3*unit + unit/2) // A slow consumer: the ticks do not pile up.
	ticker.Stop()
	waiting := 0
	for range 3 {
		select {
		case <-ticker.C:
			waiting++
		default:
		}
	}
	fmt.Println("ticks that piled up:", waiting)

	timer := time.NewTimer(time.Hour)
	fmt.Println("stopped before it fired:", timer.Stop())
	fmt.Println("stopped again:", timer.Stop())
	timer.Reset(unit)
	<-timer.C
	fmt.Println("fired after the reset")
}
