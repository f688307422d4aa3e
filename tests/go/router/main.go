// Messages for one of several like goroutines, in turn or by key.
package main

import (
	"fmt"
	"hash/fnv"
)

type count struct {
	key   string
	reply chan counted
}

type counted struct{ index, count int }

func shard(index int, requests <-chan count) {
	counts := map[string]int{}
	for r := range requests {
		counts[r.key]++
		r.reply <- counted{index, counts[r.key]}
	}
}

type router struct {
	shards []chan count
	next   int
}

func newRouter(n int) *router {
	r := &router{}
	for index := range n {
		requests := make(chan count)
		go shard(index, requests)
		r.shards = append(r.shards, requests)
	}
	return r
}

func ask(shard chan<- count, key string) counted {
	reply := make(chan counted)
	shard <- count{key, reply}
	return <-reply
}

func (r *router) inTurn(key string) counted {
	shard := r.shards[r.next%len(r.shards)]
	r.next++
	return ask(shard, key)
}

// Equal keys meet in one shard. After a resize most of them move; a consistent hash moves few.
func (r *router) byKey(key string) counted {
	h := fnv.New32a()
	h.Write([]byte(key))
	return ask(r.shards[int(h.Sum32()%uint32(len(r.shards)))], key)
}

func (r *router) resize(n int) {
	for _, shard := range r.shards[n:] {
		close(shard)
	}
	r.shards = r.shards[:n]
}

func main() {
	r := newRouter(4)
	for range 5 {
		fmt.Println("shard", r.inTurn("any").index)
	}
	for _, key := range []string{"ada", "grace", "ada", "ada", "grace"} {
		fmt.Printf("%s: %d\n", key, r.byKey(key).count)
	}
	r.resize(2)
	fmt.Println(len(r.shards), "shards left")
}
