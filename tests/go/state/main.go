// A goroutine owns a map. Others send it functions, which it runs one at a time.
package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

type data map[string]int

type update struct {
	apply func(data) error
	done  chan error
}

type manager struct {
	updates chan update
	changed chan data // The last snapshot.
}

func start() *manager {
	m := &manager{make(chan update), make(chan data, 1)}
	go func() {
		current := data{}
		for u := range m.updates {
			next := maps.Clone(current) // A failed update changes nothing.
			err := guarded(u.apply, next)
			if err == nil {
				current = next
				select {
				case <-m.changed:
				default:
				}
				m.changed <- maps.Clone(current)
			}
			u.done <- err
		}
	}()
	return m
}

func guarded(apply func(data) error, d data) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v", r)
		}
	}()
	return apply(d)
}

func (m *manager) update(apply func(data) error) error {
	done := make(chan error, 1)
	m.updates <- update{apply, done}
	return <-done
}

func show(d data) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, fmt.Sprintf("%q: %d", key, d[key]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func main() {
	m := start()
	var wg sync.WaitGroup
	for key, value := range map[string]int{"apples": 3, "pears": 5, "plums": 0} {
		wg.Go(func() {
			m.update(func(d data) error { d[key] = value; return nil })
		})
	}
	wg.Wait()
	m.update(func(d data) error { fmt.Println(show(d)); return nil })

	err := m.update(func(d data) error {
		if d["plums"] == 0 {
			return errors.New("refused: no plums left")
		}
		d["plums"]--
		return nil
	})
	fmt.Println(err)

	err = m.update(func(d data) error {
		clear(d)
		panic("a bug")
	})
	fmt.Println(err)

	m.update(func(d data) error { d["cherries"] = 40; return nil })
	fmt.Println(show(<-m.changed))
	close(m.updates)
}
