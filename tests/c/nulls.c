/* Null, numbers out of range and strange names give a status, and nothing else happens. */
#include "check.h"

static void nothing_at_all(void)
{
    bifrost_completion completion;
    bifrost_job job;
    uint64_t ticket = 99;
    uint32_t state = 99;
    size_t count = 99;
    bool ready = true;
    memset(&job, 0, sizeof job);

    IS(BIFROST_NULL, bifrost_runtime_new(NULL, NULL));
    IS(BIFROST_NULL, bifrost_runtime_shutdown(NULL, BIFROST_SHUTDOWN_CANCEL, NULL));
    IS(BIFROST_NULL, bifrost_provider_new(NULL, "a", 1, NULL, NULL));
    IS(BIFROST_NULL, bifrost_provider_find(NULL, "a", 1, NULL));
    IS(BIFROST_NULL, bifrost_provider_get_state(NULL, &state));
    IS(BIFROST_NULL, bifrost_provider_stats_get(NULL, NULL));
    IS(BIFROST_NULL, bifrost_runtime_stats_json(NULL, NULL, 0, &count));
    IS(BIFROST_NULL, bifrost_cancel_new(NULL));
    IS(BIFROST_NULL, bifrost_cancel_child(NULL, NULL));
    IS(BIFROST_NULL, bifrost_cancel_fire(NULL));
    CHECK(!bifrost_cancel_is_fired(NULL));
    IS(BIFROST_NULL, bifrost_job_cancel(NULL, 1));
    IS(BIFROST_NULL, bifrost_job_get_state(NULL, 1, &state));
    IS(BIFROST_NULL, bifrost_submit(NULL, NULL, &job, &ticket));
    IS(BIFROST_NULL, bifrost_submit_batch(NULL, NULL, &job, 1, &ticket, &count));
    IS(BIFROST_NULL, bifrost_call(NULL, &job, &completion));
    CHECK(!bifrost_job_ctx_is_cancelled(NULL));
    CHECK(bifrost_job_ctx_remaining_ns(NULL) == BIFROST_FOREVER);
    CHECK(bifrost_job_ctx_attempt(NULL) == 0);
    CHECK(bifrost_job_ctx_ticket(NULL) == 0);
    IS(BIFROST_NULL, bifrost_cq_new(NULL, NULL));
    CHECK(bifrost_cq_poll(NULL, &completion, 1) == 0);
    IS(BIFROST_NULL, bifrost_cq_wait(NULL, &completion, 1, 1, 0, &count));
    CHECK(bifrost_cq_fd(NULL) == -1);
    IS(BIFROST_NULL, bifrost_cq_arm(NULL, &ready));
    IS(BIFROST_NULL, bifrost_cq_wake(NULL));
    CHECK(ticket == 99 && state == 99 && count == 99 && ready);

    OK(bifrost_runtime_free(NULL));
    OK(bifrost_provider_free(NULL));
    OK(bifrost_cancel_free(NULL));
    OK(bifrost_cq_free(NULL));
}

static void bad_names_and_settings(bifrost_runtime *runtime)
{
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = NULL;
    char text[8], whole[512];
    size_t needed;

    IS(BIFROST_NULL, bifrost_provider_new(runtime, NULL, 3, NULL, &provider));
    IS(BIFROST_NULL, bifrost_provider_new(runtime, "a", 1, NULL, NULL));
    IS(BIFROST_INVALID, bifrost_provider_new(runtime, "\xff\xfe", 2, NULL, &provider));
    IS(BIFROST_INVALID, bifrost_provider_new(runtime, "a", SIZE_MAX, NULL, &provider));
    IS(BIFROST_CONFIG, bifrost_provider_new(runtime, "", 0, NULL, &provider));
    IS(BIFROST_NOT_FOUND, bifrost_provider_find(runtime, "a", 1, &provider));
    options.overflow = 77;
    IS(BIFROST_INVALID, bifrost_provider_new(runtime, "a", 1, &options, &provider));
    options.overflow = BIFROST_OVERFLOW_BLOCK;
    IS(BIFROST_INVALID, bifrost_provider_new(runtime, "a", 1, &options, &provider));
    options = small_options();
    options.queue_capacity = 1000000;
    IS(BIFROST_CONFIG, bifrost_provider_new(runtime, "a", 1, &options, &provider));
    needed = bifrost_last_error(whole, sizeof whole);
    CHECK(needed == strlen(whole) && strstr(whole, "queue_capacity") && strstr(whole, "1000000"));
    CHECK(bifrost_last_error(text, sizeof text) == needed);
    CHECK(strlen(text) == sizeof text - 1 && strncmp(text, whole, sizeof text - 1) == 0);
    CHECK(bifrost_last_error(NULL, 0) == needed);
    options.struct_size = 0;
    IS(BIFROST_VERSION, bifrost_provider_new(runtime, "a", 1, &options, &provider));
    bifrost_last_error(whole, sizeof whole);
    CHECK(strlen(whole) > 0 && !strstr(whole, "queue_capacity"));
    CHECK(provider == NULL);
    IS(BIFROST_INVALID, bifrost_runtime_shutdown(runtime, 2, NULL));
}

static void bad_jobs(bifrost_runtime *runtime)
{
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = new_provider(runtime, "a", &options), *again = NULL;
    struct gate gate = GATE_OPEN;
    bifrost_job good = gate_job(&gate, 1, 0), bad = good, jobs[3];
    bifrost_completion completion;
    uint64_t tickets[3] = {0, 0, 0};
    size_t accepted = 99;

    IS(BIFROST_EXISTS, bifrost_provider_new(runtime, "a", 1, &options, &again));
    bad.run = NULL;
    IS(BIFROST_NULL, bifrost_submit(provider, NULL, &bad, tickets));
    bad = good;
    bad.flags = 2;
    IS(BIFROST_INVALID, bifrost_submit(provider, NULL, &bad, tickets));
    bad = good;
    bad.priority = 128;
    IS(BIFROST_INVALID, bifrost_call(provider, &bad, &completion));
    IS(BIFROST_NULL, bifrost_submit(provider, NULL, NULL, tickets));
    IS(BIFROST_NULL, bifrost_call(provider, NULL, &completion));
    IS(BIFROST_NULL, bifrost_call(provider, &good, NULL));
    IS(BIFROST_NULL, bifrost_submit_batch(provider, NULL, NULL, 2, tickets, &accepted));
    IS(BIFROST_NULL, bifrost_submit_batch(provider, NULL, &good, 1, tickets, NULL));
    IS(BIFROST_INVALID, bifrost_submit_batch(provider, NULL, &good, SIZE_MAX, NULL, &accepted));
    CHECK(accepted == 99 && tickets[0] == 0);
    OK(bifrost_submit_batch(provider, NULL, NULL, 0, NULL, &accepted));
    CHECK(accepted == 0 && gate_read(&gate, &gate.drops) == 0);

    /* A bad job in a batch ends it: the jobs before it are in. */
    jobs[0] = good;
    jobs[1] = bad;
    jobs[2] = good;
    IS(BIFROST_INVALID, bifrost_submit_batch(provider, NULL, jobs, 3, tickets, &accepted));
    CHECK(accepted == 1 && tickets[0] != 0 && tickets[1] == 0);
    gate_await(&gate, &gate.drops, 1);
    OK(bifrost_provider_free(provider));
}

static void extreme_durations(bifrost_runtime *runtime)
{
    const uint64_t extremes[] = {1, UINT64_MAX / 2, UINT64_MAX - 1, BIFROST_FOREVER};
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = NULL;
    struct gate gate = GATE_OPEN;
    bifrost_job job = gate_job(&gate, 1, 0);
    bifrost_completion completion;
    bifrost_cq *cq = NULL;
    size_t i, count = 0;
    options.exec_timeout_ns = UINT64_MAX - 1;
    IS(BIFROST_CONFIG, bifrost_provider_new(runtime, "extreme", 7, &options, &provider));
    options.exec_timeout_ns = BIFROST_FOREVER;
    options.queue_timeout_ns = BIFROST_FOREVER;
    provider = new_provider(runtime, "extreme", &options);
    OK(bifrost_cq_new(runtime, &cq));
    for (i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        job.deadline_ns = extremes[i];
        job.priority = i % 2 == 0 ? -128 : 127;
        OK(bifrost_submit(provider, cq, &job, NULL));
        OK(bifrost_cq_wait(cq, &completion, 1, 1, extremes[sizeof extremes / sizeof *extremes - 1 - i % 3],
                           &count));
        CHECK(count == 1 && completion.user_data == 1);
        CHECK(completion.status == BIFROST_OK || i == 0);
    }
    OK(bifrost_cq_free(cq));
    OK(bifrost_provider_free(provider));
}

static void statuses_have_names(void)
{
    CHECK(strcmp(bifrost_status_name(BIFROST_QUEUE_FULL), "queue_full") == 0);
    CHECK(strcmp(bifrost_status_name(-9999), "unknown") == 0);
    CHECK(strcmp(bifrost_status_message(-9999), "unknown") == 0);
    CHECK(strlen(bifrost_status_message(BIFROST_PANICKED)) > 10);
}

int main(void)
{
    bifrost_runtime *runtime;
    statuses_have_names();
    nothing_at_all();
    runtime = new_runtime();
    bad_names_and_settings(runtime);
    bad_jobs(runtime);
    extreme_durations(runtime);
    OK(bifrost_runtime_free(runtime));
    return 0;
}
