// The queue scenarios on Go's own channels.
//
// Each line of the input is "PRODUCERS CONSUMERS CAPACITY COUNT". The answer is the nanoseconds from the
// first goroutine that began to the last that ended, for COUNT transfers.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"time"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var producers, consumers, capacity, count int
		line := input.Text()
		if _, err := fmt.Sscan(line, &producers, &consumers, &capacity, &count); err != nil {
			fmt.Fprintf(os.Stderr, "not a scenario: %q: %v\n", line, err)
			os.Exit(2)
		}
		fmt.Println(run(producers, consumers, capacity, count).Nanoseconds())
	}
}

// span is when a goroutine began and ended its share.
type span struct{ began, ended time.Time }

func run(producers, consumers, capacity, count int) time.Duration {
	// Everybody has the same share, so a few more than asked for are moved.
	all := producers * consumers
	total := (count + all - 1) / all * all
	channel := make(chan uint64, capacity)
	spans := make([]span, producers+consumers)
	sums := make([]uint64, consumers)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	work := func(number int, share func()) {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			ready.Done()
			<-start
			began := time.Now()
			share()
			spans[number] = span{began, time.Now()}
		}()
	}
	for number := range producers {
		work(number, func() {
			for value := range total / producers {
				channel <- uint64(value)
			}
		})
	}
	for number := range consumers {
		work(producers+number, func() {
			var sum uint64
			for range total / consumers {
				sum += <-channel
			}
			sums[number] = sum
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	check(sums, producers, total/producers)
	return time.Duration(float64(length(spans)) * float64(count) / float64(total))
}

// check ends the program if a transfer is missing.
func check(sums []uint64, producers, each int) {
	var sum uint64
	for _, one := range sums {
		sum += one
	}
	if expected := uint64(producers) * uint64(each) * uint64(each-1) / 2; sum != expected {
		fmt.Fprintf(os.Stderr, "a transfer is missing: %d, not %d\n", sum, expected)
		os.Exit(1)
	}
}

func length(spans []span) time.Duration {
	first, last := spans[0].began, spans[0].ended
	for _, one := range spans[1:] {
		if one.began.Before(first) {
			first = one.began
		}
		if one.ended.After(last) {
			last = one.ended
		}
	}
	return last.Sub(first)
}
