/* The door: a queue without places, batches, and dead jobs that hold a slot. */
#include "check.h"

static bifrost_provider_stats stats_of(bifrost_provider *provider)
{
    bifrost_provider_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(bifrost_provider_stats_get(provider, &stats));
    return stats;
}

static void no_job_waits_in_a_direct_queue(bifrost_runtime *runtime, bifrost_cq *cq)
{
    bifrost_provider_options options = small_options();
    bifrost_provider *provider;
    struct gate gate = GATE_CLOSED;
    bifrost_job job = gate_job(&gate, 1, BIFROST_JOB_BLOCKING);
    bifrost_completion completion;
    options.queue_capacity = BIFROST_QUEUE_DIRECT;
    provider = new_provider(runtime, "direct", &options);
    CHECK(stats_of(provider).queue_capacity == 0);
    OK(bifrost_submit(provider, cq, &job, NULL));
    IS(BIFROST_QUEUE_FULL, bifrost_submit(provider, cq, &job, NULL));
    gate_change(&gate, &gate.open, 1);
    CHECK(next_completion(cq).user_data == 1);
    /* Whoever has an outcome finds the worker free. */
    OK(bifrost_call(provider, &job, &completion));
    CHECK(completion.result == 7);
    OK(bifrost_call(provider, &job, &completion));
    OK(bifrost_provider_free(provider));
    options.queue_capacity = BIFROST_QUEUE_DIRECT - 1;
    IS(BIFROST_CONFIG, bifrost_provider_new(runtime, "many", 4, &options, &provider));
}

static void a_batch_counts_what_comes_back(bifrost_runtime *runtime, bifrost_cq *cq)
{
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = new_provider(runtime, "batch", &options);
    struct gate gate = GATE_CLOSED;
    bifrost_job jobs[10];
    uint64_t tickets[10] = {0}, i;
    size_t accepted = 0;
    for (i = 0; i < 10; i++) {
        jobs[i] = gate_job(&gate, i, BIFROST_JOB_BLOCKING);
    }
    OK(bifrost_submit_batch(provider, cq, jobs, 1, tickets, &accepted));
    gate_await(&gate, &gate.started, 1);
    IS(BIFROST_QUEUE_FULL, bifrost_submit_batch(provider, cq, jobs + 1, 9, tickets + 1, &accepted));
    CHECK(accepted == 4 && tickets[4] != 0 && tickets[5] == 0);
    CHECK(stats_of(provider).submitted == 10 && stats_of(provider).rejected == 5);

    /* A dead job behind a live head keeps its slot: the queue is full with three that wait. */
    OK(bifrost_job_cancel(provider, tickets[3]));
    CHECK(next_completion(cq).user_data == 3);
    CHECK(stats_of(provider).dead_slots == 1 && stats_of(provider).queued == 3);
    IS(BIFROST_QUEUE_FULL, bifrost_submit(provider, cq, &jobs[9], NULL));
    gate_change(&gate, &gate.open, 1);
    CHECK(next_completion(cq).user_data == 0 && next_completion(cq).user_data == 1);
    CHECK(next_completion(cq).user_data == 2 && next_completion(cq).user_data == 4);
    OK(bifrost_provider_free(provider));
    CHECK(gate_read(&gate, &gate.drops) == 5);
}

int main(void)
{
    bifrost_runtime *runtime = new_runtime();
    bifrost_cq *cq = NULL;
    OK(bifrost_cq_new(runtime, &cq));
    no_job_waits_in_a_direct_queue(runtime, cq);
    a_batch_counts_what_comes_back(runtime, cq);
    OK(bifrost_cq_free(cq));
    OK(bifrost_runtime_free(runtime));
    return 0;
}
