package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// message is what goes through a provider's channel: the request itself and where its reply goes.
// Exactly one of reply, done and submitted is used.
type message struct {
	input     uint64
	reply     chan uint64
	done      *counter
	submitted time.Time
	waits     *histogram
	hold      *sync.WaitGroup
}

type pool struct {
	kind    string
	queues  []chan message
	workers int
	callers int
	replies sync.Pool
}

// counter closes `all` when it has come to `target`.
type counter struct {
	count  atomic.Int64
	target int64
	all    chan struct{}
}

func (c *counter) add() {
	if c.count.Add(1) == c.target {
		close(c.all)
	}
}

//go:noinline
func work(input uint64) uint64 { return input + 1 }

func newPool(kind string, providers, workers, callers, queue int) (*pool, error) {
	if kind != "pooled" && kind != "new" && kind != "context" {
		return nil, fmt.Errorf("no such kind of reply: %s", kind)
	}
	p := &pool{kind: kind, workers: workers, callers: callers}
	p.replies.New = func() any { return make(chan uint64, 1) }
	for i := 0; i < providers; i++ {
		q := make(chan message, queue)
		p.queues = append(p.queues, q)
		for w := 0; w < workers; w++ {
			go serve(q)
		}
	}
	return p, nil
}

func (p *pool) close() {
	for _, q := range p.queues {
		close(q)
	}
}

func serve(q chan message) {
	for m := range q {
		switch {
		case m.waits != nil:
			m.waits.recordShared(time.Since(m.submitted))
			m.done.add()
		case m.hold != nil:
			m.hold.Done()
			m.hold.Wait()
			m.done.add()
		case m.done != nil:
			work(m.input)
			m.done.add()
		default:
			m.reply <- work(m.input)
		}
	}
}

// call does one job: submit, wait for the reply.
func (p *pool) call(q chan message, input uint64) uint64 {
	switch p.kind {
	case "new":
		reply := make(chan uint64, 1)
		q <- message{input: input, reply: reply}
		return <-reply
	case "context":
		return p.callWithin(q, input)
	}
	reply := p.replies.Get().(chan uint64)
	q <- message{input: input, reply: reply}
	result := <-reply
	p.replies.Put(reply)
	return result
}

// callWithin is call with a limit of 60 s on the whole.
func (p *pool) callWithin(q chan message, input uint64) uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply := p.replies.Get().(chan uint64)
	select {
	case q <- message{input: input, reply: reply}:
	case <-ctx.Done():
		return 0
	}
	select {
	case result := <-reply:
		p.replies.Put(reply)
		return result
	case <-ctx.Done():
		// The late reply stays in a channel that nobody uses again.
		return 0
	}
}

// closed is a round of the closed loop.
func (p *pool) closed(jobs int) time.Duration {
	each := (jobs + p.callers - 1) / p.callers
	var wait sync.WaitGroup
	var sum atomic.Uint64
	began := time.Now()
	for caller := 0; caller < p.callers; caller++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			var own uint64
			for n := 0; n < each; n++ {
				own += p.call(p.queues[(caller+n)%len(p.queues)], uint64(n))
			}
			sum.Add(own)
		}()
	}
	wait.Wait()
	took := time.Since(began)
	expected := uint64(each) * uint64(each+1) / 2 * uint64(p.callers)
	if sum.Load() != expected {
		panic("a job is missing")
	}
	return time.Duration(float64(took) * float64(jobs) / float64(each*p.callers))
}

// flood is one submitter that waits for nothing but room; the jobs count themselves.
func (p *pool) flood(jobs int) time.Duration {
	done := &counter{target: int64(jobs), all: make(chan struct{})}
	began := time.Now()
	for n := 0; n < jobs; n++ {
		p.queues[n%len(p.queues)] <- message{input: uint64(n), done: done}
	}
	<-done.all
	return time.Since(began)
}

// results is one goroutine that keeps as many jobs under way as there are callers, their replies all in
// one channel: what a completion queue is for.
func (p *pool) results(jobs int) time.Duration {
	replies := make(chan uint64, p.callers)
	began := time.Now()
	submitted, sum := 0, uint64(0)
	submit := func() {
		p.queues[submitted%len(p.queues)] <- message{input: uint64(submitted), reply: replies}
		submitted++
	}
	for submitted < p.callers && submitted < jobs {
		submit()
	}
	for n := 0; n < jobs; n++ {
		sum += <-replies
		if submitted < jobs {
			submit()
		}
	}
	took := time.Since(began)
	if sum != uint64(jobs)*uint64(jobs+1)/2 {
		panic("a job is missing")
	}
	return took
}

// busy lets every worker have a job at the same time.
func (p *pool) busy() {
	for _, q := range p.queues {
		var hold sync.WaitGroup
		hold.Add(p.workers)
		done := &counter{target: int64(p.workers), all: make(chan struct{})}
		for w := 0; w < p.workers; w++ {
			q <- message{hold: &hold, done: done}
		}
		<-done.all
	}
}
