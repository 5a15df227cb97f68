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

// longest is about the longest run; what crawls is cut off and tells what it moved till then.
const longest = 500 * time.Millisecond

// betweenLooks is how many values a producer sends before it looks at the time again.
const betweenLooks = 256

// share is what a goroutine moved, from when to when.
type share struct {
	began, ended time.Time
	count, sum   uint64
}

func run(producers, consumers, capacity, count int) time.Duration {
	channel := make(chan uint64, capacity)
	pushed := make([]share, producers)
	popped := make([]share, consumers)
	start := make(chan struct{})
	var producing, consuming sync.WaitGroup
	producing.Add(producers)
	consuming.Add(consumers)
	each := (count + producers - 1) / producers
	for number := range producers {
		go func() {
			defer producing.Done()
			<-start
			pushed[number] = produce(channel, each)
		}()
	}
	for number := range consumers {
		go func() {
			defer consuming.Done()
			<-start
			popped[number] = consume(channel)
		}()
	}
	close(start)
	producing.Wait()
	close(channel)
	consuming.Wait()
	moved := total(pushed)
	if moved != total(popped) {
		fmt.Fprintln(os.Stderr, "a transfer is missing")
		os.Exit(1)
	}
	took := length(append(pushed, popped...))
	return time.Duration(float64(took) * float64(count) / float64(max(moved.count, 1)))
}

func produce(channel chan<- uint64, count int) share {
	own := share{began: time.Now()}
	for number := range count {
		if number%betweenLooks == 0 && time.Since(own.began) > longest {
			break
		}
		channel <- uint64(number)
		own.count++
		own.sum += uint64(number)
	}
	own.ended = time.Now()
	return own
}

func consume(channel <-chan uint64) share {
	own := share{began: time.Now()}
	for value := range channel {
		own.count++
		own.sum += value
	}
	own.ended = time.Now()
	return own
}

// moved is what shares add up to.
type moved struct{ count, sum uint64 }

func total(shares []share) moved {
	var all moved
	for _, one := range shares {
		all.count += one.count
		all.sum += one.sum
	}
	return all
}

func length(shares []share) time.Duration {
	first, last := shares[0].began, shares[0].ended
	for _, one := range shares[1:] {
		if one.began.Before(first) {
			first = one.began
		}
		if one.ended.After(last) {
			last = one.ended
		}
	}
	return last.Sub(first)
}
