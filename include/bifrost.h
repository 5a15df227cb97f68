/*
 * libbifrost: the concurrency core for services that talk to many upstream providers.
 *
 * Generated from src/ffi by tests/header_drift.rs; do not edit. docs/ABI.md has the policies.
 *
 * Contents: version and macros, constants, types, and then the functions by object:
 *
 * 1. Version: what the program was built against, and what it runs with
 *      bifrost_version
 *      bifrost_version_string
 *      bifrost_features
 *      bifrost_abi_check
 *
 * 2. Status: names and texts of the numbers that functions return and completions carry
 *      bifrost_status_name
 *      bifrost_status_message
 *
 * 3. Last error: the text behind a cold call that failed
 *      bifrost_last_error
 *
 * 4. Runtime: the threads that drive providers, and the end of everything
 *      bifrost_runtime_new
 *      bifrost_runtime_shutdown
 *      bifrost_runtime_free
 *
 * 5. Provider: one upstream with its own queue, workers, limits and figures
 *      bifrost_provider_new
 *      bifrost_provider_find
 *      bifrost_provider_get_state
 *      bifrost_provider_free
 *
 * 6. Cancel tokens: one call that ends many jobs, parent to child
 *      bifrost_cancel_new
 *      bifrost_cancel_child
 *      bifrost_cancel_fire
 *      bifrost_cancel_is_fired
 *      bifrost_cancel_free
 *
 * 7. Jobs: what is submitted, and what its ticket can be asked
 *      bifrost_job_cancel
 *      bifrost_job_get_state
 *
 * 8. Submit: the ways in
 *      bifrost_submit
 *      bifrost_submit_batch
 *      bifrost_call
 *
 * 9. Job context: what a running job sees of itself
 *      bifrost_job_ctx_is_cancelled
 *      bifrost_job_ctx_remaining_ns
 *      bifrost_job_ctx_attempt
 *      bifrost_job_ctx_ticket
 *
 * 10. Completion queue: how jobs ended, polled, waited for, or told to an event loop
 *      bifrost_cq_new
 *      bifrost_cq_poll
 *      bifrost_cq_wait
 *      bifrost_cq_fd
 *      bifrost_cq_arm
 *      bifrost_cq_wake
 *      bifrost_cq_free
 *
 * 11. Queues of 64-bit words that a program uses by themselves: between its threads, without a runtime
 *      bifrost_queue_new
 *      bifrost_queue_push
 *      bifrost_queue_pop
 *      bifrost_queue_push_n
 *      bifrost_queue_pop_n
 *      bifrost_queue_close
 *      bifrost_queue_len
 *      bifrost_queue_capacity
 *      bifrost_queue_free
 *
 * 12. Stats: the figures of a provider, and of everything as JSON
 *      bifrost_provider_stats_get
 *      bifrost_runtime_stats_json
 *
 * Every function that returns a status returns BIFROST_OK or what went wrong, writes its outputs
 * only when it succeeds unless it says otherwise, and turns null and numbers out of range into
 * a status. No function of a handle works in a fork of the process that made it: BIFROST_FORKED.
 */

#ifndef BIFROST_H
#define BIFROST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* The version of this header. */
#define BIFROST_VERSION_MAJOR 0
#define BIFROST_VERSION_MINOR 1
#define BIFROST_VERSION_PATCH 0
#define BIFROST_VERSION_NUMBER \
    (BIFROST_VERSION_MAJOR * 1000000 + BIFROST_VERSION_MINOR * 1000 + BIFROST_VERSION_PATCH)

/* Define BIFROST_STATIC where the static library is linked; it matters on Windows alone. */
#ifndef BIFROST_API
#  if defined(BIFROST_STATIC)
#    define BIFROST_API
#  elif defined(_WIN32)
#    define BIFROST_API __declspec(dllimport)
#  elif defined(__GNUC__)
#    define BIFROST_API __attribute__((visibility("default")))
#  else
#    define BIFROST_API
#  endif
#endif

/* Whether this header fits the library that is linked: bifrost_abi_check() with the header's numbers. */
#define BIFROST_ABI_CHECK() \
    bifrost_abi_check(BIFROST_ABI_VERSION, sizeof(bifrost_job), sizeof(bifrost_completion))


/**
 * The version of the binary interface. It changes when a frozen struct or the meaning of a function
 * does, together with the SONAME.
 */
#define BIFROST_ABI_VERSION 0

/**
 * `bifrost_features`: HTTP jobs are built in.
 */
#define BIFROST_FEATURE_HTTP 1

/**
 * `bifrost_features`: HTTP jobs can use TLS.
 */
#define BIFROST_FEATURE_TLS 2

/**
 * `bifrost_provider_options.queue_capacity`: no job waits. One is only let in while a worker has nothing
 * to do.
 */
#define BIFROST_QUEUE_DIRECT UINT32_MAX

/**
 * A duration without an end.
 */
#define BIFROST_FOREVER UINT64_MAX

/**
 * `bifrost_job.flags`: the function may block. It runs on a thread of the provider's own instead of on a
 * driver that other jobs share.
 */
#define BIFROST_JOB_BLOCKING 1

/**
 * Every status, reason and outcome of the library, with the number that C, Go, JSON and metrics use.
 */
enum bifrost_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Success; as an outcome: the job ran to its end and returned a result.
     */
    BIFROST_OK = 0,
    /**
     * Nothing is there right now.
     */
    BIFROST_EMPTY = 1,
    /**
     * The job has no outcome yet.
     */
    BIFROST_PENDING = 2,
    /**
     * An argument is out of its range or contradicts another.
     */
    BIFROST_INVALID = -1,
    /**
     * A required pointer is null.
     */
    BIFROST_NULL = -2,
    /**
     * The caller was built against an incompatible version of the header.
     */
    BIFROST_VERSION = -3,
    /**
     * The system has no memory, thread or descriptor to give.
     */
    BIFROST_NO_MEMORY = -4,
    /**
     * A bug in the library: a panic was caught at its boundary.
     */
    BIFROST_PANIC = -5,
    /**
     * The object was closed.
     */
    BIFROST_CLOSED = -6,
    /**
     * The object belongs to the process that this one was forked from.
     */
    BIFROST_FORKED = -7,
    /**
     * No object has this name or id.
     */
    BIFROST_NOT_FOUND = -8,
    /**
     * An object of this name exists already.
     */
    BIFROST_EXISTS = -9,
    /**
     * The ticket names a job whose record was given back.
     */
    BIFROST_STALE = -10,
    /**
     * The object is in use elsewhere.
     */
    BIFROST_BUSY = -11,
    /**
     * The call waits for the job that it is made from.
     */
    BIFROST_WOULD_DEADLOCK = -12,
    /**
     * The wait ended before the event came; nothing changed.
     */
    BIFROST_TIMED_OUT = -13,
    /**
     * The operating system refused a request.
     */
    BIFROST_SYSTEM = -14,
    /**
     * The configuration has an error.
     */
    BIFROST_CONFIG = -15,
    /**
     * The provider's queue is at its capacity.
     */
    BIFROST_QUEUE_FULL = -20,
    /**
     * The provider's circuit breaker is open.
     */
    BIFROST_CIRCUIT_OPEN = -21,
    /**
     * A limit on unread results, tenants, tasks or concurrency is reached.
     */
    BIFROST_LIMIT_REACHED = -22,
    /**
     * No API key of the provider is usable before the deadline.
     */
    BIFROST_NO_KEY = -23,
    /**
     * The estimated wait exceeds what is left of the deadline.
     */
    BIFROST_DEADLINE_UNMEETABLE = -24,
    /**
     * The provider has not finished starting, or failed to.
     */
    BIFROST_NOT_READY = -25,
    /**
     * The provider is draining or stopped; another may take the job.
     */
    BIFROST_SHUTTING_DOWN = -26,
    /**
     * The job ended with an error of its own or of its transport.
     */
    BIFROST_FAILED = -40,
    /**
     * The job waited longer than its queue limit or deadline and never ran.
     */
    BIFROST_TIMED_OUT_QUEUE = -41,
    /**
     * The job ran longer than its execution timeout or deadline.
     */
    BIFROST_TIMED_OUT_EXEC = -42,
    /**
     * The overflow policy dropped the job from a full queue.
     */
    BIFROST_DROPPED_OVERFLOW = -43,
    /**
     * The queue delay controller dropped the job.
     */
    BIFROST_DROPPED_CODEL = -44,
    /**
     * The submitter cancelled the job.
     */
    BIFROST_CANCELLED_CALLER = -45,
    /**
     * The shutdown of the provider cancelled the job.
     */
    BIFROST_CANCELLED_SHUTDOWN = -46,
    /**
     * A cancel token above the job's own was cancelled.
     */
    BIFROST_CANCELLED_PARENT = -47,
    /**
     * The job panicked; the worker lives on.
     */
    BIFROST_PANICKED = -48,
    /**
     * The job still ran when the shutdown's last grace ended.
     */
    BIFROST_ABANDONED = -49,
    /**
     * The job returned an error.
     */
    BIFROST_JOB_ERROR = -60,
    /**
     * Every attempt that the retry policy allows has failed.
     */
    BIFROST_RETRIES_SPENT = -61,
    /**
     * No connection to the upstream could be made.
     */
    BIFROST_CONNECT = -62,
    /**
     * The connection to the upstream broke.
     */
    BIFROST_TRANSPORT = -63,
    /**
     * The upstream was silent for longer than a transport limit.
     */
    BIFROST_TRANSPORT_TIMEOUT = -64,
    /**
     * The upstream's certificate or TLS handshake was refused.
     */
    BIFROST_TLS = -65,
    /**
     * The upstream answered with an error status.
     */
    BIFROST_HTTP_STATUS = -66,
    /**
     * A body is larger than its limit.
     */
    BIFROST_BODY_TOO_LARGE = -67,
    /**
     * A body is not what it has to be, for instance not UTF-8.
     */
    BIFROST_BODY_INVALID = -68,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bifrost_status bifrost_status;
#else
typedef int32_t bifrost_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a submission does when the queue is full.
 */
enum bifrost_overflow
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As `BIFROST_OVERFLOW_ERROR`.
     */
    BIFROST_OVERFLOW_DEFAULT = 0,
    /**
     * It is refused at once with `BIFROST_QUEUE_FULL`.
     */
    BIFROST_OVERFLOW_ERROR = 1,
    /**
     * The job is accepted and ends at once as `BIFROST_DROPPED_OVERFLOW`.
     */
    BIFROST_OVERFLOW_DROP_NEWEST = 2,
    /**
     * The oldest job of the queue ends as `BIFROST_DROPPED_OVERFLOW`, and the new one takes its place.
     */
    BIFROST_OVERFLOW_DROP_OLDEST = 3,
    /**
     * `bifrost_call` waits for space, for at most `block_timeout_ns`; `bifrost_submit` and
     * `bifrost_submit_batch` never wait and are refused.
     */
    BIFROST_OVERFLOW_BLOCK = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bifrost_overflow bifrost_overflow;
#else
typedef uint32_t bifrost_overflow;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a shutdown does with jobs that wait.
 */
enum bifrost_shutdown
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * They end as cancelled by the shutdown.
     */
    BIFROST_SHUTDOWN_CANCEL = 0,
    /**
     * They run.
     */
    BIFROST_SHUTDOWN_FINISH = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bifrost_shutdown bifrost_shutdown;
#else
typedef uint32_t bifrost_shutdown;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a provider is in its life.
 */
enum bifrost_provider_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Made, nothing started.
     */
    BIFROST_PROVIDER_STATE_INIT = 0,
    /**
     * Its first workers are being started.
     */
    BIFROST_PROVIDER_STATE_SPAWNING = 1,
    /**
     * Its health is being checked.
     */
    BIFROST_PROVIDER_STATE_CHECKING = 2,
    /**
     * Takes jobs.
     */
    BIFROST_PROVIDER_STATE_READY = 3,
    /**
     * Takes jobs, but something is wrong: a failed health check, too many zombies.
     */
    BIFROST_PROVIDER_STATE_DEGRADED = 4,
    /**
     * Takes no more jobs and ends those that it has.
     */
    BIFROST_PROVIDER_STATE_DRAINING = 5,
    /**
     * Everything has ended.
     */
    BIFROST_PROVIDER_STATE_STOPPED = 6,
    /**
     * Could not be started.
     */
    BIFROST_PROVIDER_STATE_FAILED = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bifrost_provider_state bifrost_provider_state;
#else
typedef uint32_t bifrost_provider_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a job is.
 */
enum bifrost_job_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * In its queue.
     */
    BIFROST_JOB_STATE_QUEUED = 1,
    /**
     * Waiting outside queue and worker, for instance for another attempt.
     */
    BIFROST_JOB_STATE_DELAYED = 2,
    /**
     * With a worker.
     */
    BIFROST_JOB_STATE_RUNNING = 3,
    /**
     * Has its outcome, which nobody has read yet.
     */
    BIFROST_JOB_STATE_ENDED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bifrost_job_state bifrost_job_state;
#else
typedef uint32_t bifrost_job_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A cancel token. Jobs that name it are cancelled when it is fired. Opaque.
 */
typedef struct bifrost_cancel bifrost_cancel;

/**
 * A queue of completions, for the jobs of any number of providers. Opaque.
 */
typedef struct bifrost_cq bifrost_cq;

/**
 * What a running job sees of itself. Valid until the job's function returns, on any thread. Opaque.
 */
typedef struct bifrost_job_ctx bifrost_job_ctx;

/**
 * A handle of a provider. Several handles may be of the same provider. Opaque.
 */
typedef struct bifrost_provider bifrost_provider;

/**
 * A bounded queue of 64-bit words, first in, first out, for any number of threads. Opaque.
 */
typedef struct bifrost_queue bifrost_queue;

/**
 * A runtime: driver threads and the providers that they drive. Opaque.
 */
typedef struct bifrost_runtime bifrost_runtime;

/**
 * Settings of a runtime. Set everything to zero, `struct_size` to the struct's size, and then what you
 * want: zero is the default.
 */
typedef struct bifrost_runtime_options {
    /**
     * `sizeof(bifrost_runtime_options)`.
     */
    uint32_t struct_size;
    /**
     * Threads that drive all providers together, up to 256; default: the machine's cores.
     */
    uint32_t drivers;
    /**
     * How long running jobs may take to finish at shutdown before they are cancelled; default: 10 s.
     * `BIFROST_FOREVER` is the longest, one hour.
     */
    uint64_t shutdown_timeout_ns;
    /**
     * How long a driver thread looks for work before it sleeps; default: 20 us. 1 is next to nothing,
     * `BIFROST_FOREVER` the longest, 10 ms.
     */
    uint64_t spin_ns;
} bifrost_runtime_options;

/**
 * What a shutdown did. Set `struct_size` before the call.
 */
typedef struct bifrost_shutdown_report {
    /**
     * `sizeof(bifrost_shutdown_report)`.
     */
    uint32_t struct_size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Jobs that ended by themselves after the shutdown began.
     */
    uint64_t finished;
    /**
     * Jobs that the shutdown cancelled.
     */
    uint64_t cancelled;
    /**
     * Jobs that were given up when the last grace was over.
     */
    uint64_t abandoned;
    /**
     * Jobs that have an outcome while a thread is still busy with them: their `drop` is yet to come.
     */
    uint64_t zombies;
} bifrost_shutdown_report;

/**
 * Settings of a provider. Set everything to zero, `struct_size` to the struct's size, and then what you
 * want: zero is the default.
 */
typedef struct bifrost_provider_options {
    /**
     * `sizeof(bifrost_provider_options)`.
     */
    uint32_t struct_size;
    /**
     * One of `bifrost_overflow`.
     */
    uint32_t overflow;
    /**
     * Async workers that are there from the start; default: 10, or `workers_max` where that is less.
     */
    uint32_t workers_min;
    /**
     * Async workers that there may be; default: 100, or `workers_min` where that is more.
     */
    uint32_t workers_max;
    /**
     * Blocking workers that are there from the start, each a thread; default: 0.
     */
    uint32_t blocking_workers_min;
    /**
     * Blocking workers that there may be; default: 8, or `blocking_workers_min` where that is more.
     */
    uint32_t blocking_workers_max;
    /**
     * Jobs of normal priority that may wait, of blocking and of other ones each; default: 256.
     * `BIFROST_QUEUE_DIRECT`: no job waits, whatever its priority, and there are no lanes.
     */
    uint32_t queue_capacity;
    /**
     * Completions that may be unread, in all queues together, before submissions are refused with
     * `BIFROST_LIMIT_REACHED`; default: 128.
     */
    uint32_t result_buffer;
    /**
     * Driver threads of the provider's own; default: none, it shares those of the runtime.
     */
    uint32_t drivers;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * How long `BIFROST_OVERFLOW_BLOCK` waits; needed there, zero elsewhere.
     */
    uint64_t block_timeout_ns;
    /**
     * How long a job may wait before it starts; default: 5 s.
     */
    uint64_t queue_timeout_ns;
    /**
     * How long a job may run from its start; default: 60 s.
     */
    uint64_t exec_timeout_ns;
    /**
     * Jobs of a priority above 0 that may wait, likewise; default: as `queue_capacity`.
     */
    uint32_t queue_capacity_high;
    /**
     * Jobs of a priority below 0 that may wait, likewise; default: as `queue_capacity`.
     */
    uint32_t queue_capacity_low;
} bifrost_provider_options;

/**
 * What a job does. It gets the job's context, valid until it returns, and the job's `arg`. Any number
 * that it returns, negative ones too, is the job's result, and the job has completed. It must neither
 * unwind (C++ exceptions) nor jump (`longjmp`) out of itself.
 */
typedef int64_t (*bifrost_job_fn)(const struct bifrost_job_ctx *ctx, void *arg);

/**
 * Gives back what a job's `arg` holds. It must not block, unwind or jump.
 */
typedef void (*bifrost_drop_fn)(void *arg);

/**
 * A job. FROZEN: 56 bytes where pointers have 8.
 *
 * `arg` is the library's from the moment that the job is accepted. `drop` is then called with it exactly
 * once, on every path. If the job runs, the worker calls it right after `run` has returned: before the
 * completion can be seen if the job completes, and after it if the job was cancelled or timed out while
 * it ran. If the job never runs, whichever thread takes it out of its queue calls it, before or after the
 * completion can be seen. If the job is refused, `arg` stays the caller's, and neither `run` nor `drop`
 * is called.
 */
typedef struct bifrost_job {
    /**
     * What it does; not null.
     */
    bifrost_job_fn run;
    /**
     * What `run` works on; may be null.
     */
    void *arg;
    /**
     * Gives `arg` back; null if there is nothing to do.
     */
    bifrost_drop_fn drop;
    /**
     * A number that comes back with the completion.
     */
    uint64_t user_data;
    /**
     * The job ends at the latest this long after its submission, waiting or running; 0 and
     * `BIFROST_FOREVER`: it has the provider's limits alone.
     */
    uint64_t deadline_ns;
    /**
     * The token that cancels it; may be null. It may be freed once the job is submitted.
     */
    const struct bifrost_cancel *cancel;
    /**
     * A set of `BIFROST_JOB_...` bits; other bits are invalid.
     */
    uint32_t flags;
    /**
     * How urgent it is: 0 is normal, above is more, below is less; -128 to 127. Jobs above, at and below 0
     * wait in a lane each and start in the order of their submission within it; while all three have jobs,
     * a worker takes 8, 4 and 1 of them.
     */
    int32_t priority;
} bifrost_job;

/**
 * How a job ended. FROZEN: 40 bytes.
 */
typedef struct bifrost_completion {
    /**
     * The number that the job was submitted with.
     */
    uint64_t user_data;
    /**
     * The job's ticket.
     */
    uint64_t ticket;
    /**
     * What the job's function returned, if the status is `BIFROST_OK`; else 0.
     */
    int64_t result;
    /**
     * `BIFROST_OK` if the function returned in time, whatever it returned; else why not, one of
     * `bifrost_status`.
     */
    int32_t status;
    /**
     * Zero; ignore bits that you do not know.
     */
    uint32_t flags;
    /**
     * Microseconds that the job waited, up to 2^32 - 1.
     */
    uint32_t queue_us;
    /**
     * Microseconds that the job ran, up to 2^32 - 1.
     */
    uint32_t run_us;
} bifrost_completion;

/**
 * Durations of one kind, in nanoseconds. A percentile is at most 1/16 above the exact one and never
 * below it; the rest is exact.
 */
typedef struct bifrost_timing_stats {
    /**
     * How many there were.
     */
    uint64_t count;
    /**
     * All of them together.
     */
    uint64_t sum_ns;
    /**
     * What half of them do not exceed.
     */
    uint64_t p50_ns;
    /**
     * What 90 % do not exceed.
     */
    uint64_t p90_ns;
    /**
     * What 99 % do not exceed.
     */
    uint64_t p99_ns;
    /**
     * What 99.9 % do not exceed.
     */
    uint64_t p999_ns;
    /**
     * The longest.
     */
    uint64_t max_ns;
} bifrost_timing_stats;

/**
 * The figures of a provider. Set `struct_size` before the call. At any time
 * `submitted = rejected + accepted` and `accepted = ended + queued + delayed + running`, where `rejected`
 * and `ended` are the sums of what stands below them.
 */
typedef struct bifrost_provider_stats {
    /**
     * `sizeof(bifrost_provider_stats)`.
     */
    uint32_t struct_size;
    /**
     * Where the provider is in its life, one of `bifrost_provider_state`.
     */
    uint32_t state;
    /**
     * Jobs that came to the door.
     */
    uint64_t submitted;
    /**
     * Jobs that were let in.
     */
    uint64_t accepted;
    /**
     * Jobs whose first attempt began.
     */
    uint64_t started;
    /**
     * Jobs in the queue.
     */
    uint64_t queued;
    /**
     * Jobs that wait outside queue and worker.
     */
    uint64_t delayed;
    /**
     * Jobs with a worker.
     */
    uint64_t running;
    /**
     * Jobs that were refused: the sum of the next eight.
     */
    uint64_t rejected;
    /**
     * Refused: the queue was full.
     */
    uint64_t queue_full;
    /**
     * Refused: the circuit breaker was open.
     */
    uint64_t circuit_open;
    /**
     * Refused: a limit on results, tenants, tasks or concurrency was reached.
     */
    uint64_t limit_reached;
    /**
     * Refused: no API key was usable in time.
     */
    uint64_t no_key;
    /**
     * Refused: the estimated wait was longer than the deadline allows.
     */
    uint64_t deadline_unmeetable;
    /**
     * Refused: the provider was not ready yet.
     */
    uint64_t not_ready;
    /**
     * Refused: the provider was draining or stopped.
     */
    uint64_t shutting_down;
    /**
     * Refused: the job or one of its options was invalid.
     */
    uint64_t invalid;
    /**
     * Jobs that have an outcome: the sum of the next eleven.
     */
    uint64_t ended;
    /**
     * Outcome: the function returned in time.
     */
    uint64_t completed;
    /**
     * Outcome: the job or its transport failed.
     */
    uint64_t failed;
    /**
     * Outcome: the job's time to wait was over before it ran.
     */
    uint64_t timed_out_queue;
    /**
     * Outcome: the job's time to run was over.
     */
    uint64_t timed_out_exec;
    /**
     * Outcome: dropped from a full queue.
     */
    uint64_t dropped_overflow;
    /**
     * Outcome: dropped by the queue delay controller.
     */
    uint64_t dropped_codel;
    /**
     * Outcome: cancelled by its submitter.
     */
    uint64_t cancelled_caller;
    /**
     * Outcome: cancelled by the shutdown.
     */
    uint64_t cancelled_shutdown;
    /**
     * Outcome: cancelled by a token above its own.
     */
    uint64_t cancelled_parent;
    /**
     * Outcome: panicked.
     */
    uint64_t panicked;
    /**
     * Outcome: still ran when the last grace of the shutdown ended.
     */
    uint64_t abandoned;
    /**
     * Results that came after their job had been decided otherwise.
     */
    uint64_t late_results;
    /**
     * Jobs that the queues can hold, the one of blocking jobs included.
     */
    uint64_t queue_capacity;
    /**
     * Places of the queue held by jobs that have ended already.
     */
    uint64_t dead_slots;
    /**
     * Job records in the pool.
     */
    uint64_t records_capacity;
    /**
     * Job records that no job holds.
     */
    uint64_t records_free;
    /**
     * Async workers that there are.
     */
    uint64_t workers;
    /**
     * Async workers that have a job.
     */
    uint64_t workers_busy;
    /**
     * Blocking workers that there are.
     */
    uint64_t blocking_workers;
    /**
     * Blocking workers that have a job.
     */
    uint64_t blocking_workers_busy;
    /**
     * Workers of both kinds held by a job that was decided without them.
     */
    uint64_t zombies;
    /**
     * How long jobs waited before they started.
     */
    struct bifrost_timing_stats wait;
    /**
     * How long they ran.
     */
    struct bifrost_timing_stats run;
} bifrost_provider_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ==========================================================================================
 * 1. Version: what the program was built against, and what it runs with
 */

/**
 * The version of the library that is linked.
 *
 * Parameters: none.
 * Returns: major * 1,000,000 + minor * 1,000 + patch; compare it with `BIFROST_VERSION_NUMBER`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API uint32_t bifrost_version(void);

/**
 * The version of the library that is linked, as text.
 *
 * Parameters: none.
 * Returns: a string such as "0.1.0", NUL-terminated, never null.
 * Ownership: the string is static; do not free it.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API const char *bifrost_version_string(void);

/**
 * What the library was built with.
 *
 * Parameters: none.
 * Returns: a set of `BIFROST_FEATURE_...` bits; ignore those that you do not know.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API uint64_t bifrost_features(void);

/**
 * Whether a program fits the library that it runs with. Call it once at the start, by the macro
 * `BIFROST_ABI_CHECK()`.
 *
 * Parameters:
 * - `abi`: `BIFROST_ABI_VERSION`.
 * - `sizeof_job`: `sizeof(bifrost_job)`.
 * - `sizeof_completion`: `sizeof(bifrost_completion)`.
 *
 * Returns: `BIFROST_OK`, or `BIFROST_VERSION`: the header is not that of this library.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API
bifrost_status bifrost_abi_check(uint32_t abi,
                                 size_t sizeof_job,
                                 size_t sizeof_completion);

/* ==========================================================================================
 * 2. Status: names and texts of the numbers that functions return and completions carry
 */

/**
 * The stable name of a status, the same in JSON and as a metric's label.
 *
 * Parameters:
 * - `status`: any number.
 *
 * Returns: for instance "queue_full", NUL-terminated; "unknown" if there is no such status; never null.
 * Ownership: the string is static; do not free it.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API
const char *bifrost_status_name(int32_t status);

/**
 * One sentence for a person about a status.
 *
 * Parameters:
 * - `status`: any number.
 *
 * Returns: a text in lower case, NUL-terminated; "unknown" if there is no such status; never null.
 * Ownership: the string is static; do not free it.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 */
BIFROST_API const char *bifrost_status_message(int32_t status);

/* ==========================================================================================
 * 3. Last error: the text behind a cold call that failed
 */

/**
 * The text of the last failure of a cold function on the calling thread. Functions that keep one say so,
 * and replace it at each call; no other function touches it.
 *
 * Parameters:
 * - `buffer`: where the text goes, NUL-terminated and cut to fit; may be null.
 * - `capacity`: the bytes that `buffer` has; may be 0.
 *
 * Returns: the length of the whole text in bytes without its NUL; 0 if nothing has failed.
 * Ownership: the buffer stays the caller's; the text is copied.
 * Thread safety: any thread; each has its own text.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `buffer` is null or has room for `capacity` bytes.
 */
BIFROST_API
size_t bifrost_last_error(char *buffer,
                          size_t capacity);

/* ==========================================================================================
 * 4. Runtime: the threads that drive providers, and the end of everything
 */

/**
 * Makes a runtime and starts its threads. They take no signals of the program.
 *
 * Parameters:
 * - `options`: the settings; null for all defaults.
 * - `out`: gets the runtime.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_VERSION` for options of another version,
 * `BIFROST_CONFIG` for a setting out of range, or `BIFROST_NO_MEMORY` if the system gives no thread; the
 * text is kept for `bifrost_last_error`.
 * Ownership: the runtime is the caller's, until `bifrost_runtime_free`; the options stay the caller's.
 * Thread safety: any thread, at any time.
 * Blocking: while threads are started.
 * Since: 0.1.
 *
 * Pointers: `options` is null or has the size that it says; `out` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_runtime_new(const struct bifrost_runtime_options *options,
                                   struct bifrost_runtime **out);

/**
 * Ends every provider: nothing more is accepted, jobs that wait run or are cancelled, jobs that run get
 * the runtime's `shutdown_timeout_ns` and, after they were asked to stop, one second more. Then the
 * runtime's threads end. Called again, it waits for the same end.
 *
 * Parameters:
 * - `runtime`: the runtime.
 * - `mode`: `BIFROST_SHUTDOWN_CANCEL` or `BIFROST_SHUTDOWN_FINISH`, for jobs that wait.
 * - `report`: gets what was done; may be null.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID` for another mode, `BIFROST_VERSION` for a
 * report of another version, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside a job of this
 * runtime; nothing has happened then.
 * Ownership: the runtime and all handles stay the caller's, and are to be freed as ever.
 * Thread safety: any thread.
 * Blocking: until the jobs have ended, as long as the settings allow.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed; `report` is null or has the size that it says.
 */
BIFROST_API
bifrost_status bifrost_runtime_shutdown(struct bifrost_runtime *runtime,
                                        uint32_t mode,
                                        struct bifrost_shutdown_report *report);

/**
 * Shuts the runtime down as `bifrost_runtime_shutdown` with `BIFROST_SHUTDOWN_CANCEL` does, unless that
 * has happened, and frees it. Handles of its providers and completion queues stay valid; jobs are refused
 * with `BIFROST_SHUTTING_DOWN`. A runtime that is not freed when the process ends is no fault.
 *
 * Parameters:
 * - `runtime`: the runtime; null does nothing.
 *
 * Returns: `BIFROST_OK`; or `BIFROST_FORKED` or, from inside a job of this runtime,
 * `BIFROST_WOULD_DEADLOCK`: it is not freed then.
 * Ownership: the runtime is gone after `BIFROST_OK`; freeing it again is undefined.
 * Thread safety: nobody else may use the runtime meanwhile.
 * Blocking: as `bifrost_runtime_shutdown`.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed, and nobody uses it any more.
 */
BIFROST_API
bifrost_status bifrost_runtime_free(struct bifrost_runtime *runtime);

/* ==========================================================================================
 * 5. Provider: one upstream with its own queue, workers, limits and figures
 */

/**
 * Adds a provider to a running runtime, starts its first workers and opens its door.
 *
 * Parameters:
 * - `runtime`: the runtime.
 * - `name`, `name_len`: its name, UTF-8, not necessarily NUL-terminated; unique in the runtime.
 * - `options`: its settings; null for all defaults.
 * - `out`: gets a handle of the provider.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_VERSION` for options of another
 * version, `BIFROST_CONFIG` for a setting out of range, `BIFROST_EXISTS`, `BIFROST_SHUTTING_DOWN`,
 * `BIFROST_LIMIT_REACHED`, `BIFROST_NO_MEMORY`, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside
 * a job that must not block; the text is kept for `bifrost_last_error`.
 * Ownership: the handle is the caller's, until `bifrost_provider_free`; name and options stay the
 * caller's.
 * Thread safety: any thread.
 * Blocking: while workers are started and health is checked.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed; `name` has `name_len` bytes; `options` is null or has the size that it
 * says; `out` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_provider_new(const struct bifrost_runtime *runtime,
                                    const char *name,
                                    size_t name_len,
                                    const struct bifrost_provider_options *options,
                                    struct bifrost_provider **out);

/**
 * Finds a provider by its name.
 *
 * Parameters:
 * - `runtime`: the runtime.
 * - `name`, `name_len`: the name, UTF-8, not necessarily NUL-terminated.
 * - `out`: gets a handle of the provider, one more than there were.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_FORKED`, or `BIFROST_NOT_FOUND`.
 * Ownership: the handle is the caller's, until `bifrost_provider_free`.
 * Thread safety: any thread.
 * Blocking: for a short lock.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed; `name` has `name_len` bytes; `out` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_provider_find(const struct bifrost_runtime *runtime,
                                     const char *name,
                                     size_t name_len,
                                     struct bifrost_provider **out);

/**
 * Where a provider is in its life.
 *
 * Parameters:
 * - `provider`: the provider.
 * - `state`: gets one of `bifrost_provider_state`.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed; `state` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_provider_get_state(const struct bifrost_provider *provider,
                                          uint32_t *state);

/**
 * Frees a handle of a provider. The provider goes on; it ends with its runtime.
 *
 * Parameters:
 * - `provider`: the handle; null does nothing.
 *
 * Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
 * Ownership: the handle is gone after `BIFROST_OK`; freeing it again is undefined.
 * Thread safety: nobody else may use the handle meanwhile; other handles of the provider are of no
 * concern.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed, and nobody uses it any more.
 */
BIFROST_API bifrost_status bifrost_provider_free(struct bifrost_provider *provider);

/* ==========================================================================================
 * 6. Cancel tokens: one call that ends many jobs, parent to child
 */

/**
 * Makes a token that nothing else fires.
 *
 * Parameters:
 * - `out`: gets the token.
 *
 * Returns: `BIFROST_OK` or `BIFROST_NULL`.
 * Ownership: the token is the caller's, until `bifrost_cancel_free`.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `out` is null or can be written to.
 */
BIFROST_API bifrost_status bifrost_cancel_new(struct bifrost_cancel **out);

/**
 * Makes a token that is fired with another one; firing it leaves the other alone.
 *
 * Parameters:
 * - `parent`: the other token; if it is fired already, so is the new one.
 * - `out`: gets the token.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: the token is the caller's, until `bifrost_cancel_free`; the parent may be freed before.
 * Thread safety: any thread.
 * Blocking: for a short lock.
 * Since: 0.1.
 *
 * Pointers: `parent` is null or not freed; `out` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_cancel_child(const struct bifrost_cancel *parent,
                                    struct bifrost_cancel **out);

/**
 * Fires a token: every job that names it, or a child of it, and has no outcome yet ends as cancelled.
 * Firing it again does nothing.
 *
 * Parameters:
 * - `cancel`: the token.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, also inside a job.
 * Blocking: for a short lock, and while the outcomes are published.
 * Since: 0.1.
 *
 * Pointers: `cancel` is null or not freed.
 */
BIFROST_API
bifrost_status bifrost_cancel_fire(const struct bifrost_cancel *cancel);

/**
 * Whether a token is fired.
 *
 * Parameters:
 * - `cancel`: the token.
 *
 * Returns: whether it is; false for null.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `cancel` is null or not freed.
 */
BIFROST_API bool bifrost_cancel_is_fired(const struct bifrost_cancel *cancel);

/**
 * Frees a token without firing it. Jobs that name it, and its children, are of no concern.
 *
 * Parameters:
 * - `cancel`: the token; null does nothing.
 *
 * Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
 * Ownership: the token is gone after `BIFROST_OK`; freeing it again is undefined.
 * Thread safety: nobody else may use the token meanwhile.
 * Blocking: for a short lock.
 * Since: 0.1.
 *
 * Pointers: `cancel` is null or not freed, and nobody uses it any more.
 */
BIFROST_API bifrost_status bifrost_cancel_free(struct bifrost_cancel *cancel);

/* ==========================================================================================
 * 7. Jobs: what is submitted, and what its ticket can be asked
 */

/**
 * Cancels a job: one that waits is not executed; one that runs sees it in its context, and its late
 * result is discarded. Its completion says `BIFROST_CANCELLED_CALLER`, at once.
 *
 * Parameters:
 * - `provider`: the provider that the job was submitted to.
 * - `ticket`: the job's ticket, which is good for this provider alone.
 *
 * Returns: `BIFROST_OK` if this call cancelled it, `BIFROST_STALE` if it has its outcome already,
 * `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands; `drop` is called as ever.
 * Thread safety: any thread, also inside a job.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed.
 */
BIFROST_API
bifrost_status bifrost_job_cancel(const struct bifrost_provider *provider,
                                  uint64_t ticket);

/**
 * Where a job is.
 *
 * Parameters:
 * - `provider`: the provider that the job was submitted to.
 * - `ticket`: the job's ticket, which is good for this provider alone.
 * - `state`: gets one of `bifrost_job_state`.
 *
 * Returns: `BIFROST_OK`; `BIFROST_STALE` once its completion was read, or nobody was to get one, and its
 * worker has let go; `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed; `state` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_job_get_state(const struct bifrost_provider *provider,
                                     uint64_t ticket,
                                     uint32_t *state);

/* ==========================================================================================
 * 8. Submit: the ways in
 */

/**
 * Submits a job. It never waits, whatever the overflow policy.
 *
 * Parameters:
 * - `provider`: the provider.
 * - `cq`: where the completion goes; null if nobody wants to know.
 * - `job`: the job; the struct is copied.
 * - `ticket`: gets the job's ticket; may be null.
 *
 * Returns: `BIFROST_OK` if the job is accepted. It is refused with `BIFROST_NULL` or `BIFROST_INVALID` for
 * a bad argument, `BIFROST_FORKED`, `BIFROST_QUEUE_FULL`, `BIFROST_LIMIT_REACHED` while too many
 * completions are unread, `BIFROST_NOT_READY`, or `BIFROST_SHUTTING_DOWN`. A blocking job at a provider
 * without blocking workers is `BIFROST_INVALID`. A queue is full as well while jobs that died in it stand
 * behind one that lives: `dead_slots` of `bifrost_provider_stats` counts them.
 * Ownership: `arg` is the library's if the job is accepted, and the caller's if not; see `bifrost_job`.
 * Thread safety: any thread, also inside a job.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` and `cq` are null or not freed; `job` is null or points to a job; `ticket` is null or can be
 * written to.
 */
BIFROST_API
bifrost_status bifrost_submit(const struct bifrost_provider *provider,
                              const struct bifrost_cq *cq,
                              const struct bifrost_job *job,
                              uint64_t *ticket);

/**
 * Submits jobs in their order until one is refused. It never waits. It is cheaper than one by one: the
 * clock is read once, and workers are woken together when all jobs are in.
 *
 * Parameters:
 * - `provider`: the provider.
 * - `cq`: where the completions go; null if nobody wants to know.
 * - `jobs`, `count`: the jobs; the structs are copied. With a count of 0, `jobs` may be null.
 * - `tickets`: gets the tickets of the accepted jobs, which are a prefix of the batch; has room for
 *   `count`; may be null.
 * - `accepted`: gets how many were accepted, also if one was refused; stays as it is if the status is
 *   `BIFROST_NULL`, `BIFROST_INVALID` or `BIFROST_FORKED` because of another argument than a job.
 *
 * Returns: `BIFROST_OK` if all are accepted, else the status of the first refusal, as `bifrost_submit`. The
 * jobs behind it count as refused for the same reason.
 * Ownership: as `bifrost_submit`, for each job: those from the refused one on stay the caller's.
 * Thread safety: any thread, also inside a job.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `provider` and `cq` are null or not freed; `jobs` points to `count` jobs; `tickets` is null or has room
 * for `count`; `accepted` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_submit_batch(const struct bifrost_provider *provider,
                                    const struct bifrost_cq *cq,
                                    const struct bifrost_job *jobs,
                                    size_t count,
                                    uint64_t *tickets,
                                    size_t *accepted);

/**
 * Runs a job and waits for its outcome; `deadline_ns` of the job limits the wait. Under
 * `BIFROST_OVERFLOW_BLOCK` it also waits for space, for at most `block_timeout_ns`.
 *
 * Parameters:
 * - `provider`: the provider.
 * - `job`: the job; the struct is copied.
 * - `completion`: gets the outcome.
 *
 * Returns: `BIFROST_OK` if the job has an outcome, whatever it is: look at `completion.status`. Else the
 * job is refused, as by `bifrost_submit`, or with `BIFROST_WOULD_DEADLOCK` from inside a job that is not
 * `BIFROST_JOB_BLOCKING`.
 * Ownership: as `bifrost_submit`.
 * Thread safety: any thread.
 * Blocking: until the outcome is there.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed; `job` is null or points to a job; `completion` is null or can be
 * written to.
 */
BIFROST_API
bifrost_status bifrost_call(const struct bifrost_provider *provider,
                            const struct bifrost_job *job,
                            struct bifrost_completion *completion);

/* ==========================================================================================
 * 9. Job context: what a running job sees of itself
 */

/**
 * Whether somebody wants the job to end: it was cancelled, its time is over, or a shutdown asks it to
 * stop. A job that runs for long should look now and then.
 *
 * Parameters:
 * - `ctx`: the job's context.
 *
 * Returns: whether it should return soon; false for null.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, while the job's function runs.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `ctx` is null, or its job's function has not returned.
 */
BIFROST_API
bool bifrost_job_ctx_is_cancelled(const struct bifrost_job_ctx *ctx);

/**
 * How long the job may still run.
 *
 * Parameters:
 * - `ctx`: the job's context.
 *
 * Returns: nanoseconds; 0 if its time is over; `BIFROST_FOREVER` if nothing limits it, and for null.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, while the job's function runs.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `ctx` is null, or its job's function has not returned.
 */
BIFROST_API
uint64_t bifrost_job_ctx_remaining_ns(const struct bifrost_job_ctx *ctx);

/**
 * Which attempt of the job this is.
 *
 * Parameters:
 * - `ctx`: the job's context.
 *
 * Returns: a number from 1; 0 for null.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, while the job's function runs.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `ctx` is null, or its job's function has not returned.
 */
BIFROST_API uint32_t bifrost_job_ctx_attempt(const struct bifrost_job_ctx *ctx);

/**
 * The job's own ticket.
 *
 * Parameters:
 * - `ctx`: the job's context.
 *
 * Returns: the ticket that its submission gave; 0, which no job has, for null.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, while the job's function runs.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `ctx` is null, or its job's function has not returned.
 */
BIFROST_API uint64_t bifrost_job_ctx_ticket(const struct bifrost_job_ctx *ctx);

/* ==========================================================================================
 * 10. Completion queue: how jobs ended, polled, waited for, or told to an event loop
 */

/**
 * Makes an empty completion queue.
 *
 * Parameters:
 * - `runtime`: the runtime whose clock its waits use.
 * - `out`: gets the queue.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_FORKED`, or `BIFROST_SYSTEM` if there is no descriptor
 * to be had; the text is kept for `bifrost_last_error`.
 * Ownership: the queue is the caller's, until `bifrost_cq_free`; the runtime may be freed before.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed; `out` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_cq_new(const struct bifrost_runtime *runtime,
                              struct bifrost_cq **out);

/**
 * Takes the completions that are there, without waiting.
 *
 * Parameters:
 * - `cq`: the queue.
 * - `out`, `capacity`: where they go, and how many fit. Completions of one provider come in the order in
 *   which its jobs ended.
 *
 * Returns: how many were taken; 0 as well if an argument is null or the process was forked.
 * Ownership: completions are plain numbers.
 * Thread safety: any thread; each completion is taken once.
 * Blocking: for a short lock, if another thread polls the same queue.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed; `out` has room for `capacity` completions.
 */
BIFROST_API
size_t bifrost_cq_poll(const struct bifrost_cq *cq,
                       struct bifrost_completion *out,
                       size_t capacity);

/**
 * Takes completions and waits for them, if there are too few.
 *
 * Parameters:
 * - `cq`: the queue.
 * - `out`, `capacity`: where they go, and how many fit.
 * - `least`: how many to wait for; more than `capacity` counts as `capacity`.
 * - `timeout_ns`: how long to wait at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it takes.
 * - `count`: gets how many were taken, also if they are fewer than `least`.
 *
 * Returns: `BIFROST_OK` if at least `least` were taken, `BIFROST_TIMED_OUT` if the time is over,
 * `BIFROST_EMPTY` if `bifrost_cq_wake` ended the wait; in these three cases `out` has `count` completions.
 * Else `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside a job
 * that is not `BIFROST_JOB_BLOCKING`.
 * Ownership: completions are plain numbers.
 * Thread safety: any thread; each completion is taken once.
 * Blocking: as the parameters say.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed; `out` has room for `capacity` completions; `count` is null or can be written
 * to.
 */
BIFROST_API
bifrost_status bifrost_cq_wait(const struct bifrost_cq *cq,
                               struct bifrost_completion *out,
                               size_t capacity,
                               size_t least,
                               uint64_t timeout_ns,
                               size_t *count);

/**
 * The descriptor of a queue, for `poll`, `epoll` and the like: readable once something came after
 * `bifrost_cq_arm`. Do not read from it, write to it, or close it.
 *
 * Parameters:
 * - `cq`: the queue.
 *
 * Returns: the descriptor; -1 for null, in a forked process, and on systems without descriptors.
 * Ownership: the descriptor is the queue's, and closed with it.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed.
 */
BIFROST_API int bifrost_cq_fd(const struct bifrost_cq *cq);

/**
 * Arms the descriptor for one signal. The loop is: take completions until there are none, arm, and if
 * nothing is ready wait for the descriptor; then begin again. A wait may end although there is nothing.
 *
 * Parameters:
 * - `cq`: the queue.
 * - `ready`: gets whether there is something to take, or a wake-up, already: do not wait then.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread; one event loop a queue.
 * Blocking: for a short lock, if another thread polls the same queue.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed; `ready` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_cq_arm(const struct bifrost_cq *cq,
                              bool *ready);

/**
 * Ends the wait of one thread in `bifrost_cq_wait`, or of the event loop on the descriptor. If nobody
 * waits, the next wait ends at once.
 *
 * Parameters:
 * - `cq`: the queue.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread, but not a signal handler.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed.
 */
BIFROST_API
bifrost_status bifrost_cq_wake(const struct bifrost_cq *cq);

/**
 * Frees a queue. What is unread is lost; jobs that have yet to end go on, and nobody hears of them.
 *
 * Parameters:
 * - `cq`: the queue; null does nothing.
 *
 * Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
 * Ownership: the queue and its descriptor are gone after `BIFROST_OK`; freeing it again is undefined.
 * Thread safety: nobody else may use the queue meanwhile.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `cq` is null or not freed, and nobody uses it any more.
 */
BIFROST_API
bifrost_status bifrost_cq_free(struct bifrost_cq *cq);

/* ==========================================================================================
 * 11. Queues of 64-bit words that a program uses by themselves: between its threads, without a runtime
 */

/**
 * Makes an empty queue. Nothing is allocated later but for threads that wait.
 *
 * Parameters:
 * - `capacity`: how many words it holds at most, 1 to 65,536.
 * - `out`: gets the queue.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_INVALID` for a capacity out of range.
 * Ownership: the queue is the caller's, until `bifrost_queue_free`.
 * Thread safety: any thread, at any time.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `out` is null or can be written to.
 */
BIFROST_API bifrost_status bifrost_queue_new(size_t capacity, struct bifrost_queue **out);

/**
 * Adds a word at the tail; wakes a thread that waits for one.
 *
 * Parameters:
 * - `queue`: the queue.
 * - `word`: the word.
 * - `timeout_ns`: how long to wait for room at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it
 *   takes.
 *
 * Returns: `BIFROST_OK`, `BIFROST_QUEUE_FULL` if there is no room and none was to be waited for,
 * `BIFROST_TIMED_OUT` if there was none in time, `BIFROST_CLOSED`, `BIFROST_NULL`, `BIFROST_FORKED`, or
 * `BIFROST_WOULD_DEADLOCK` for a wait inside a job that is not `BIFROST_JOB_BLOCKING`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: as `timeout_ns` says.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed.
 */
BIFROST_API
bifrost_status bifrost_queue_push(const struct bifrost_queue *queue,
                                  uint64_t word,
                                  uint64_t timeout_ns);

/**
 * Takes the oldest word; wakes a thread that waits for room.
 *
 * Parameters:
 * - `queue`: the queue.
 * - `word`: gets the word.
 * - `timeout_ns`: how long to wait for one at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it
 *   takes.
 *
 * Returns: `BIFROST_OK`, `BIFROST_EMPTY` if there is none and none was to be waited for, `BIFROST_TIMED_OUT` if
 * there was none in time, `BIFROST_CLOSED` if there is none and none will come, `BIFROST_NULL`,
 * `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` for a wait inside a job that is not `BIFROST_JOB_BLOCKING`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: as `timeout_ns` says.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed; `word` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_queue_pop(const struct bifrost_queue *queue,
                                 uint64_t *word,
                                 uint64_t timeout_ns);

/**
 * Adds words at the tail, as many as there is room for, together; wakes at most one thread for all of them,
 * which wakes the next.
 *
 * Parameters:
 * - `queue`: the queue.
 * - `words`, `count`: the words.
 * - `pushed`: gets how many were added; may be null.
 *
 * Returns: `BIFROST_OK` if at least one was added or `count` is 0, `BIFROST_QUEUE_FULL`, `BIFROST_CLOSED`,
 * `BIFROST_NULL`, `BIFROST_INVALID`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed; `words` has `count` words; `pushed` is null or can be written to.
 */
BIFROST_API
bifrost_status bifrost_queue_push_n(const struct bifrost_queue *queue,
                                    const uint64_t *words,
                                    size_t count,
                                    size_t *pushed);

/**
 * Takes the oldest words that are there; wakes at most one thread that waits for room, which wakes the next.
 *
 * Parameters:
 * - `queue`: the queue.
 * - `words`, `capacity`: where they go, and how many fit.
 * - `popped`: gets how many were taken.
 *
 * Returns: `BIFROST_OK` if at least one was taken or `capacity` is 0, `BIFROST_EMPTY`, `BIFROST_CLOSED` if there is
 * none and none will come, `BIFROST_NULL`, `BIFROST_INVALID`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed; `words` has room for `capacity` words; `popped` is null or can be written
 * to.
 */
BIFROST_API
bifrost_status bifrost_queue_pop_n(const struct bifrost_queue *queue,
                                   uint64_t *words,
                                   size_t capacity,
                                   size_t *popped);

/**
 * Closes a queue: nothing is added any more, what is inside can still be taken, and all who wait are woken.
 * Closing it again does nothing.
 *
 * Parameters:
 * - `queue`: the queue.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: for a short lock.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed.
 */
BIFROST_API
bifrost_status bifrost_queue_close(const struct bifrost_queue *queue);

/**
 * How many words are in a queue; exact while nobody adds or takes.
 *
 * Parameters:
 * - `queue`: the queue.
 *
 * Returns: the number; 0 for null and in a forked process.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed.
 */
BIFROST_API size_t bifrost_queue_len(const struct bifrost_queue *queue);

/**
 * How many words a queue holds at most.
 *
 * Parameters:
 * - `queue`: the queue.
 *
 * Returns: the number; 0 for null and in a forked process.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed.
 */
BIFROST_API size_t bifrost_queue_capacity(const struct bifrost_queue *queue);

/**
 * Frees a queue and what is inside. Close it and let all who wait return before.
 *
 * Parameters:
 * - `queue`: the queue; null does nothing.
 *
 * Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
 * Ownership: the queue is gone after `BIFROST_OK`; freeing it again is undefined.
 * Thread safety: nobody else may use the queue meanwhile.
 * Blocking: never.
 * Since: 0.1.
 *
 * Pointers: `queue` is null or not freed, and nobody uses it any more.
 */
BIFROST_API bifrost_status bifrost_queue_free(struct bifrost_queue *queue);

/* ==========================================================================================
 * 12. Stats: the figures of a provider, and of everything as JSON
 */

/**
 * The figures of a provider at this moment, also after its shutdown.
 *
 * Parameters:
 * - `provider`: the provider.
 * - `stats`: gets the figures, as far as its `struct_size` goes.
 *
 * Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_FORKED`, or `BIFROST_VERSION` for a struct of another
 * version.
 * Ownership: nothing changes hands.
 * Thread safety: any thread.
 * Blocking: never, but it is no call for every job.
 * Since: 0.1.
 *
 * Pointers: `provider` is null or not freed; `stats` is null or has the size that it says.
 */
BIFROST_API
bifrost_status bifrost_provider_stats_get(const struct bifrost_provider *provider,
                                          struct bifrost_provider_stats *stats);

/**
 * The figures of all providers and their totals as one JSON object on one line.
 *
 * Parameters:
 * - `runtime`: the runtime.
 * - `buffer`: where the text goes, NUL-terminated and cut to fit; may be null.
 * - `capacity`: the bytes that `buffer` has; may be 0.
 * - `length`: gets the length of the whole text in bytes without its NUL. If it is not below `capacity`,
 *   call again with more room; the text may have grown meanwhile.
 *
 * Returns: `BIFROST_OK`, also if the text was cut, `BIFROST_NULL`, or `BIFROST_FORKED`.
 * Ownership: the buffer stays the caller's.
 * Thread safety: any thread.
 * Blocking: for a short lock; it allocates.
 * Since: 0.1.
 *
 * Pointers: `runtime` is null or not freed; `buffer` is null or has room for `capacity` bytes; `length` is null or
 * can be written to.
 */
BIFROST_API
bifrost_status bifrost_runtime_stats_json(const struct bifrost_runtime *runtime,
                                          char *buffer,
                                          size_t capacity,
                                          size_t *length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BIFROST_H */
