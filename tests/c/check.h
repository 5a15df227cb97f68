/* What the C tests share: checks that name their place, and gates that threads wait at. */
#ifndef CHECK_H
#define CHECK_H

#include <bifrost.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS(n) ((uint64_t)(n) * 1000000000u)

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

#define IS(expected, call)                                                               \
    do {                                                                                 \
        int32_t is_ = (call);                                                            \
        if (is_ != (expected)) {                                                         \
            fprintf(stderr, "%s:%d: %s gives %s, not %s\n", __FILE__, __LINE__, #call,   \
                    bifrost_status_name(is_), bifrost_status_name(expected));            \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

#define OK(call) IS(BIFROST_OK, call)

/* What a job works on: it reports its start, waits until it may end, and counts its drops. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int started, open, drops, runs;
};

#define GATE_CLOSED {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0}
#define GATE_OPEN {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 1, 0, 0}

static inline void gate_change(struct gate *gate, int *field, int by)
{
    pthread_mutex_lock(&gate->mutex);
    *field += by;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_await(struct gate *gate, const int *field, int least)
{
    pthread_mutex_lock(&gate->mutex);
    while (*field < least) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
}

static inline int gate_read(struct gate *gate, const int *field)
{
    int value;
    pthread_mutex_lock(&gate->mutex);
    value = *field;
    pthread_mutex_unlock(&gate->mutex);
    return value;
}

static inline void gate_drop(void *arg)
{
    struct gate *gate = arg;
    gate_change(gate, &gate->drops, 1);
}

static inline int64_t gate_run(const bifrost_job_ctx *ctx, void *arg)
{
    struct gate *gate = arg;
    (void)ctx;
    gate_change(gate, &gate->started, 1);
    gate_await(gate, &gate->open, 1);
    gate_change(gate, &gate->runs, 1);
    return 7;
}

static inline bifrost_job gate_job(struct gate *gate, uint64_t user_data, uint32_t flags)
{
    bifrost_job job;
    memset(&job, 0, sizeof job);
    job.run = gate_run;
    job.arg = gate;
    job.drop = gate_drop;
    job.user_data = user_data;
    job.flags = flags;
    return job;
}

/* One worker of each kind, and a short queue. */
static inline bifrost_provider_options small_options(void)
{
    bifrost_provider_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.workers_min = 1;
    options.workers_max = 1;
    options.blocking_workers_max = 1;
    options.queue_capacity = 4;
    options.result_buffer = 16;
    return options;
}

static inline bifrost_runtime *new_runtime(void)
{
    bifrost_runtime_options options;
    bifrost_runtime *runtime = NULL;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.drivers = 2;
    OK(bifrost_runtime_new(&options, &runtime));
    CHECK(runtime != NULL);
    return runtime;
}

static inline bifrost_provider *new_provider(bifrost_runtime *runtime, const char *name,
                                             const bifrost_provider_options *options)
{
    bifrost_provider *provider = NULL;
    OK(bifrost_provider_new(runtime, name, strlen(name), options, &provider));
    CHECK(provider != NULL);
    return provider;
}

static inline bifrost_completion next_completion(bifrost_cq *cq)
{
    bifrost_completion completion;
    size_t count = 0;
    OK(bifrost_cq_wait(cq, &completion, 1, 1, SECONDS(60), &count));
    CHECK(count == 1);
    return completion;
}

#endif
