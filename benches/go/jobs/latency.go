package main

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// histogram has 16 buckets an octave of nanoseconds: a percentile is at most 1/16 above the exact one.
// The maximum is exact.
type histogram struct {
	buckets [64 * 16]atomic.Uint64
	max     atomic.Uint64
}

func bucketOf(ns uint64) int {
	shift := bits.Len64(ns|16) - 5
	return shift<<4 + int(ns>>shift)
}

func upperEnd(bucket int) uint64 {
	if bucket < 32 {
		return uint64(bucket)
	}
	shift := bucket>>4 - 1
	return uint64(bucket-shift<<4+1)<<shift - 1
}

// record is for one goroutine at a time.
func (h *histogram) record(d time.Duration) {
	ns := uint64(d)
	bucket := &h.buckets[bucketOf(ns)]
	bucket.Store(bucket.Load() + 1)
	if ns > h.max.Load() {
		h.max.Store(ns)
	}
}

func (h *histogram) recordShared(d time.Duration) {
	ns := uint64(d)
	h.buckets[bucketOf(ns)].Add(1)
	for max := h.max.Load(); ns > max; max = h.max.Load() {
		if h.max.CompareAndSwap(max, ns) {
			break
		}
	}
}

func (h *histogram) merge(other *histogram) {
	for i := range h.buckets {
		h.buckets[i].Add(other.buckets[i].Load())
	}
	h.max.Store(max(h.max.Load(), other.max.Load()))
}

func (h *histogram) percentile(q float64) uint64 {
	rank := uint64(math.Ceil(float64(h.count()) * q))
	below := uint64(0)
	for i := range h.buckets {
		below += h.buckets[i].Load()
		if below >= rank && rank > 0 {
			return min(upperEnd(i), h.max.Load())
		}
	}
	return h.max.Load()
}

func (h *histogram) count() uint64 {
	sum := uint64(0)
	for i := range h.buckets {
		sum += h.buckets[i].Load()
	}
	return sum
}

func (h *histogram) String() string {
	return fmt.Sprintf("%d %d %d %d %d %d", h.count(), h.percentile(0.5), h.percentile(0.99),
		h.percentile(0.999), h.percentile(0.9999), h.max.Load())
}

// tail is the closed loop for a given time, with the round trip of every job.
func (p *pool) tail(limit time.Duration) string {
	var wait sync.WaitGroup
	var stop atomic.Bool
	trips := make([]histogram, p.callers)
	for caller := 0; caller < p.callers; caller++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			began := time.Now()
			for n := 0; !stop.Load(); n++ {
				p.call(p.queues[(caller+n)%len(p.queues)], uint64(n))
				now := time.Now()
				trips[caller].record(now.Sub(began))
				began = now
			}
		}()
	}
	time.Sleep(limit)
	stop.Store(true)
	wait.Wait()
	all := &histogram{}
	for i := range trips {
		all.merge(&trips[i])
	}
	return all.String()
}

// open submits with exponential gaps, whatever becomes of the jobs, and says how long they waited.
func (p *pool) open(rate int, limit time.Duration) string {
	waits := &histogram{}
	done := &counter{target: math.MaxInt64, all: make(chan struct{})}
	random := rand.New(rand.NewSource(1))
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	began := time.Now()
	due := began
	submitted := int64(0)
	for {
		due = due.Add(time.Duration(random.ExpFloat64() * 1e9 / float64(rate)))
		if due.Sub(began) > limit {
			break
		}
		time.Sleep(time.Until(due))
		p.queues[submitted%int64(len(p.queues))] <- message{
			done: done, submitted: time.Now(), waits: waits,
		}
		submitted++
	}
	for done.count.Load() < submitted {
		time.Sleep(time.Millisecond)
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	return fmt.Sprintf("%s %d", waits, cpuNanos(&after)-cpuNanos(&before))
}

// timers is what a limit on one job costs that is always met.
func timers(count int) string {
	began := time.Now()
	for i := 0; i < count; i++ {
		time.NewTimer(time.Minute).Stop()
	}
	timer := time.Since(began)
	began = time.Now()
	for i := 0; i < count; i++ {
		_, cancel := context.WithTimeout(context.Background(), time.Minute)
		cancel()
	}
	within := time.Since(began)
	return fmt.Sprintf("%.2f %.2f",
		float64(timer)/float64(count), float64(within)/float64(count))
}
