/* The completion queue: polled, waited for, woken, and watched by poll(2) on its descriptor. */
#include "check.h"

#include <poll.h>

static int readable(bifrost_cq *cq, int timeout_ms)
{
    struct pollfd fd;
    fd.fd = bifrost_cq_fd(cq);
    fd.events = POLLIN;
    fd.revents = 0;
    CHECK(fd.fd >= 0);
    return poll(&fd, 1, timeout_ms) == 1 && (fd.revents & POLLIN);
}

static void the_descriptor_is_armed_once(bifrost_provider *provider, bifrost_cq *cq)
{
    struct gate gate = GATE_CLOSED;
    bifrost_job job = gate_job(&gate, 1, BIFROST_JOB_BLOCKING);
    bifrost_completion completions[4];
    size_t taken = 0;
    bool ready = true;

    CHECK(!readable(cq, 0));
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(!ready && !readable(cq, 0));
    OK(bifrost_submit(provider, cq, &job, NULL));
    gate_await(&gate, &gate.started, 1);
    OK(bifrost_submit(provider, cq, &job, NULL));
    CHECK(!readable(cq, 0));
    gate_change(&gate, &gate.open, 1);
    CHECK(readable(cq, 60000));
    while (taken < 2) {
        taken += bifrost_cq_poll(cq, completions, 4);
        OK(bifrost_cq_arm(cq, &ready));
        if (taken < 2 && !ready) {
            CHECK(readable(cq, 60000));
        }
    }
    /* Armed and empty: silent, until the next completion. */
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(!ready && !readable(cq, 0));
    OK(bifrost_submit(provider, cq, &job, NULL));
    CHECK(readable(cq, 60000));
    CHECK(next_completion(cq).result == 7 && bifrost_cq_poll(cq, completions, 4) == 0);
    /* Not armed: a completion is no signal, but the next arming says that it is there. */
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(!ready && !readable(cq, 0));
    OK(bifrost_call(provider, &job, &completions[0]));
    CHECK(!readable(cq, 0));
    OK(bifrost_submit(provider, cq, &job, NULL));
    OK(bifrost_submit(provider, cq, &job, NULL));
    CHECK(readable(cq, 60000) && next_completion(cq).result == 7);
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(ready || readable(cq, 60000));
    CHECK(next_completion(cq).result == 7 && bifrost_cq_poll(cq, completions, 4) == 0);
    /* A wake-up is a signal, armed or not, and is told once. */
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(!ready);
    OK(bifrost_cq_wake(cq));
    CHECK(readable(cq, 0));
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(ready);
    OK(bifrost_cq_arm(cq, &ready));
    CHECK(!ready && !readable(cq, 0));
}

static void *wake(void *cq)
{
    OK(bifrost_cq_wake(cq));
    return NULL;
}

static void waits_end(bifrost_cq *cq)
{
    bifrost_completion completions[2];
    size_t count = 99;
    pthread_t waker;

    IS(BIFROST_TIMED_OUT, bifrost_cq_wait(cq, completions, 2, 1, 0, &count));
    CHECK(count == 0);
    IS(BIFROST_TIMED_OUT, bifrost_cq_wait(cq, completions, 2, 1, 1000000, &count));
    OK(bifrost_cq_wait(cq, completions, 2, 0, 0, &count));
    OK(bifrost_cq_wait(cq, NULL, 0, 5, BIFROST_FOREVER, &count));
    IS(BIFROST_NULL, bifrost_cq_wait(cq, NULL, 2, 1, 0, &count));
    IS(BIFROST_NULL, bifrost_cq_wait(cq, completions, 2, 1, 0, NULL));
    IS(BIFROST_INVALID, bifrost_cq_wait(cq, completions, SIZE_MAX, 1, 0, &count));
    IS(BIFROST_NULL, bifrost_cq_arm(cq, NULL));
    CHECK(bifrost_cq_poll(cq, NULL, 3) == 0 && bifrost_cq_poll(cq, completions, SIZE_MAX) == 0);

    /* A wake-up before the wait, and one on another thread. */
    OK(bifrost_cq_wake(cq));
    IS(BIFROST_EMPTY, bifrost_cq_wait(cq, completions, 2, 1, BIFROST_FOREVER, &count));
    CHECK(count == 0);
    CHECK(pthread_create(&waker, NULL, wake, cq) == 0);
    IS(BIFROST_EMPTY, bifrost_cq_wait(cq, completions, 2, 1, BIFROST_FOREVER, &count));
    CHECK(pthread_join(waker, NULL) == 0);
}

static void unread_completions_close_the_door(bifrost_runtime *runtime, bifrost_cq *cq)
{
    bifrost_provider_options options = small_options();
    bifrost_provider *provider;
    struct gate gate = GATE_OPEN;
    bifrost_job job = gate_job(&gate, 3, 0);
    uint64_t accepted = 0, taken = 0;
    bifrost_status status = BIFROST_OK;
    options.result_buffer = 2;
    options.blocking_workers_max = 1;
    provider = new_provider(runtime, "short", &options);
    while (status != BIFROST_LIMIT_REACHED) {
        status = bifrost_submit(provider, cq, &job, NULL);
        CHECK(status == BIFROST_OK || status == BIFROST_LIMIT_REACHED || status == BIFROST_QUEUE_FULL);
        accepted += status == BIFROST_OK;
    }
    while (taken < accepted) {
        CHECK(next_completion(cq).user_data == 3);
        taken++;
    }
    OK(bifrost_submit(provider, cq, &job, NULL));
    CHECK(next_completion(cq).user_data == 3);
    OK(bifrost_provider_free(provider));
}

int main(void)
{
    bifrost_runtime *runtime = new_runtime();
    bifrost_provider_options options = small_options();
    bifrost_provider *provider = new_provider(runtime, "a", &options);
    bifrost_cq *cq = NULL;
    OK(bifrost_cq_new(runtime, &cq));
    the_descriptor_is_armed_once(provider, cq);
    waits_end(cq);
    unread_completions_close_the_door(runtime, cq);
    /* Any order of freeing will do. */
    OK(bifrost_runtime_free(runtime));
    CHECK(bifrost_cq_fd(cq) >= 0);
    OK(bifrost_cq_free(cq));
    OK(bifrost_provider_free(provider));
    return 0;
}
