/* A job's priority is its lane: high ones overtake, each lane has its own capacity, and jobs of one lane start
 * in their order. */
#include "check.h"

enum { LANES = 3, JOBS = 4 };

static struct gate order = GATE_OPEN;
static int64_t started[LANES * JOBS];

/* Remembers its number in the order of the starts. */
static int64_t remember(const bifrost_job_ctx *ctx, void *arg)
{
    (void)ctx;
    pthread_mutex_lock(&order.mutex);
    started[order.started++] = (int64_t)(intptr_t)arg;
    pthread_mutex_unlock(&order.mutex);
    return 0;
}

static void the_lanes_take_turns(bifrost_provider *provider, bifrost_cq *cq, uint32_t flags)
{
    const int32_t priorities[LANES] = {-3, 0, 100};
    struct gate gate = GATE_CLOSED;
    bifrost_job job = gate_job(&gate, 0, flags);
    int lane, i, seen[LANES] = {0, 0, 0};
    order.started = 0;
    OK(bifrost_submit(provider, cq, &job, NULL));
    gate_await(&gate, &gate.started, 1);
    for (lane = 0; lane < LANES; lane++) {
        memset(&job, 0, sizeof job);
        job.run = remember;
        job.flags = flags;
        job.priority = priorities[lane];
        for (i = 0; i < JOBS; i++) {
            job.arg = (void *)(intptr_t)(lane * JOBS + i);
            OK(bifrost_submit(provider, cq, &job, NULL));
        }
        IS(BIFROST_QUEUE_FULL, bifrost_submit(provider, cq, &job, NULL));
    }
    gate_change(&gate, &gate.open, 1);
    for (i = 0; i < 1 + LANES * JOBS; i++) {
        OK(next_completion(cq).status);
    }
    for (i = 0; i < LANES * JOBS; i++) {
        lane = (int)(started[i] / JOBS);
        CHECK(started[i] % JOBS == seen[lane]++);
    }
    /* Submitted last of all, the first of the high ones starts first. */
    CHECK(started[0] == 2 * JOBS);
    /* 8 to 4: of the first six at least three are high, at most two normal. */
    for (i = 0, seen[1] = seen[2] = 0; i < 6; i++) {
        seen[started[i] / JOBS]++;
    }
    CHECK(seen[2] >= 3 && seen[1] <= 2);
}

static void each_lane_has_its_own_capacity(bifrost_runtime *runtime)
{
    const int32_t priorities[LANES] = {1, 0, -1};
    bifrost_provider_options options = small_options();
    struct gate gate = GATE_CLOSED;
    bifrost_job job = gate_job(&gate, 0, 0);
    bifrost_provider *provider = NULL;
    int lane, i;
    options.queue_capacity_high = 2;
    options.queue_capacity = 3;
    options.queue_capacity_low = 1;
    provider = new_provider(runtime, "b", &options);
    OK(bifrost_submit(provider, NULL, &job, NULL));
    gate_await(&gate, &gate.started, 1);
    for (lane = 0; lane < LANES; lane++) {
        const int capacities[LANES] = {2, 3, 1};
        job.priority = priorities[lane];
        for (i = 0; i < capacities[lane]; i++) {
            OK(bifrost_submit(provider, NULL, &job, NULL));
        }
        IS(BIFROST_QUEUE_FULL, bifrost_submit(provider, NULL, &job, NULL));
    }
    gate_change(&gate, &gate.open, 1);
    gate_await(&gate, &gate.drops, 7);
    OK(bifrost_provider_free(provider));
}

int main(void)
{
    bifrost_provider_options options = small_options();
    bifrost_runtime *runtime = new_runtime();
    bifrost_provider *provider = new_provider(runtime, "a", &options);
    bifrost_cq *cq = NULL;
    OK(bifrost_cq_new(runtime, &cq));
    the_lanes_take_turns(provider, cq, 0);
    the_lanes_take_turns(provider, cq, BIFROST_JOB_BLOCKING);
    each_lane_has_its_own_capacity(runtime);
    OK(bifrost_runtime_free(runtime));
    OK(bifrost_provider_free(provider));
    OK(bifrost_cq_free(cq));
    return 0;
}
