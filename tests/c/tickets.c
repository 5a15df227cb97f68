/* Tickets that name no job, or no job any more, are stale: never another job, never a crash. */
#include "check.h"

static void nothing_has_it(bifrost_provider *provider, uint64_t ticket)
{
    uint32_t state = 99;
    IS(BIFROST_STALE, bifrost_job_cancel(provider, ticket));
    IS(BIFROST_STALE, bifrost_job_get_state(provider, ticket, &state));
    CHECK(state == 99);
}

int main(void)
{
    bifrost_runtime *runtime = new_runtime();
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = new_provider(runtime, "a", &options);
    struct gate gate = GATE_OPEN, held = GATE_CLOSED;
    bifrost_job job = gate_job(&gate, 1, 0);
    bifrost_completion completion;
    bifrost_cq *cq = NULL;
    uint64_t seen[200], number = 1, ticket;
    uint32_t state = 0;
    size_t i, k;

    nothing_has_it(provider, 0);
    nothing_has_it(provider, UINT64_MAX);
    for (i = 0; i < 100000; i++) {
        number = number * 6364136223846793005u + 1442695040888963407u;
        nothing_has_it(provider, number);
    }

    OK(bifrost_cq_new(runtime, &cq));
    for (i = 0; i < 200; i++) {
        OK(bifrost_submit(provider, cq, &job, &seen[i]));
        CHECK(next_completion(cq).ticket == seen[i]);
        for (k = 0; k < i; k++) {
            CHECK(seen[k] != seen[i]);
        }
    }
    /* The one worker has let go of the last of them once it has run another job. */
    OK(bifrost_call(provider, &job, &completion));
    /* The records are used again; old tickets do not reach the job that has one now. */
    job = gate_job(&held, 2, BIFROST_JOB_BLOCKING);
    OK(bifrost_submit(provider, cq, &job, &ticket));
    gate_await(&held, &held.started, 1);
    for (i = 0; i < 200; i++) {
        nothing_has_it(provider, seen[i]);
    }
    OK(bifrost_job_get_state(provider, ticket, &state));
    CHECK(state == BIFROST_JOB_STATE_RUNNING);
    IS(BIFROST_NULL, bifrost_job_get_state(provider, ticket, NULL));
    gate_change(&held, &held.open, 1);
    CHECK(next_completion(cq).status == BIFROST_OK);
    OK(bifrost_cq_free(cq));
    OK(bifrost_provider_free(provider));
    OK(bifrost_runtime_free(runtime));
    return 0;
}
