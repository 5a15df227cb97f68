// The Go contestants of the suite `jobs`: pools of goroutines behind buffered channels.
//
// Speaks lines over stdin and stdout, one answer a command, so that its rounds can be interleaved with
// those of the Rust contestants:
//
//	threads COUNT                                -> ok
//	pool KIND PROVIDERS WORKERS CALLERS QUEUE    -> ok ID
//	close ID                                     -> ok
//	closed ID JOBS                               -> ok WALL_NS CPU_NS SWITCHES ALLOCATIONS
//	flood ID JOBS                                -> ok WALL_NS CPU_NS SWITCHES ALLOCATIONS
//	results ID JOBS                              -> ok WALL_NS CPU_NS SWITCHES ALLOCATIONS
//	tail ID MILLIS                               -> ok JOBS P50 P99 P999 P9999 MAX
//	open ID RATE MILLIS                          -> ok JOBS P50 P99 P999 P9999 MAX CPU_NS
//	timers COUNT                                 -> ok TIMER_NS CONTEXT_NS
//	idle                                         -> ok RSS_BYTES SWITCHES
//	busy ID                                      -> ok
//
// KIND is how a caller gets its reply: pooled, new or context.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	pools := map[int]*pool{}
	next := 0
	for in.Scan() {
		words := strings.Fields(in.Text())
		answer, err := command(words, pools, &next)
		if err != nil {
			fmt.Fprintf(out, "error %v\n", err)
		} else {
			fmt.Fprintf(out, "ok %s\n", answer)
		}
		out.Flush()
	}
}

func command(words []string, pools map[int]*pool, next *int) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("no command")
	}
	if words[0] == "idle" {
		return idle(), nil
	}
	var kind string
	rest := words[1:]
	if words[0] == "pool" && len(rest) > 0 {
		kind, rest = rest[0], rest[1:]
	}
	numbers, err := parse(rest)
	if err != nil {
		return "", err
	}
	switch {
	case words[0] == "pool" && len(numbers) == 4:
		p, err := newPool(kind, numbers[0], numbers[1], numbers[2], numbers[3])
		if err != nil {
			return "", err
		}
		*next++
		pools[*next] = p
		return strconv.Itoa(*next), nil
	case words[0] == "threads" && len(numbers) == 1:
		runtime.GOMAXPROCS(numbers[0])
		return "", nil
	case words[0] == "timers" && len(numbers) == 1:
		return timers(numbers[0]), nil
	}
	if len(numbers) == 0 || pools[numbers[0]] == nil {
		return "", fmt.Errorf("no such pool: %v", words)
	}
	p := pools[numbers[0]]
	switch {
	case words[0] == "close":
		p.close()
		delete(pools, numbers[0])
		return "", nil
	case words[0] == "closed" && len(numbers) == 2:
		return metered(func() time.Duration { return p.closed(numbers[1]) }), nil
	case words[0] == "flood" && len(numbers) == 2:
		return metered(func() time.Duration { return p.flood(numbers[1]) }), nil
	case words[0] == "results" && len(numbers) == 2:
		return metered(func() time.Duration { return p.results(numbers[1]) }), nil
	case words[0] == "tail" && len(numbers) == 2:
		return p.tail(time.Duration(numbers[1]) * time.Millisecond), nil
	case words[0] == "open" && len(numbers) == 3:
		return p.open(numbers[1], time.Duration(numbers[2])*time.Millisecond), nil
	case words[0] == "busy":
		p.busy()
		return "", nil
	}
	return "", fmt.Errorf("unknown command: %v", words)
}

func parse(words []string) ([]int, error) {
	numbers := make([]int, 0, len(words))
	for _, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// metered runs a round; wall time is what the round says, the rest is the whole process's.
func metered(round func() time.Duration) string {
	var before, after runtime.MemStats
	var began, ended syscall.Rusage
	runtime.ReadMemStats(&before)
	syscall.Getrusage(syscall.RUSAGE_SELF, &began)
	took := round()
	syscall.Getrusage(syscall.RUSAGE_SELF, &ended)
	runtime.ReadMemStats(&after)
	cpu := cpuNanos(&ended) - cpuNanos(&began)
	return fmt.Sprintf("%d %d %d %d",
		took.Nanoseconds(), cpu, ended.Nvcsw-began.Nvcsw, after.Mallocs-before.Mallocs)
}

func cpuNanos(usage *syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// idle says what the process holds and how often its threads went to sleep until now.
func idle() string {
	debug.FreeOSMemory()
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	statm, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(statm))
	if err != nil || len(fields) < 2 {
		return fmt.Sprintf("0 %d", usage.Nvcsw)
	}
	pages, _ := strconv.Atoi(fields[1])
	return fmt.Sprintf("%d %d", pages*os.Getpagesize(), usage.Nvcsw)
}
