/* `drop` is called exactly once on every path of an accepted job, and never for a refused one. */
#include "check.h"

struct world {
    bifrost_runtime *runtime;
    bifrost_provider *provider;
    bifrost_cq *cq;
};

static struct world begin(uint32_t overflow)
{
    bifrost_provider_options options = small_options();
    struct world world;
    options.overflow = overflow;
    world.runtime = new_runtime();
    world.provider = new_provider(world.runtime, "a", &options);
    world.cq = NULL;
    OK(bifrost_cq_new(world.runtime, &world.cq));
    return world;
}

static void end(struct world world)
{
    OK(bifrost_provider_free(world.provider));
    OK(bifrost_runtime_free(world.runtime));
    OK(bifrost_cq_free(world.cq));
}

static uint64_t submit(struct world world, bifrost_job job)
{
    uint64_t ticket = 0;
    OK(bifrost_submit(world.provider, world.cq, &job, &ticket));
    CHECK(ticket != 0);
    return ticket;
}

/* Occupies the one blocking worker until its gate opens. */
static void occupy(struct world world, struct gate *gate)
{
    submit(world, gate_job(gate, 1000, BIFROST_JOB_BLOCKING));
    gate_await(gate, &gate->started, 1);
}

static void release(struct world world, struct gate *gate)
{
    bifrost_completion completion;
    gate_change(gate, &gate->open, 1);
    completion = next_completion(world.cq);
    CHECK(completion.user_data == 1000 && completion.status == BIFROST_OK);
    CHECK(gate_read(gate, &gate->drops) == 1);
}

static void a_job_that_runs(void)
{
    struct world world = begin(0);
    struct gate gate = GATE_OPEN;
    bifrost_completion completion;
    bifrost_job job = gate_job(&gate, 5, 0);
    uint32_t state;
    uint64_t ticket = submit(world, job);
    completion = next_completion(world.cq);
    CHECK(completion.user_data == 5 && completion.ticket == ticket && completion.flags == 0);
    CHECK(completion.status == BIFROST_OK && completion.result == 7);
    CHECK(gate_read(&gate, &gate.drops) == 1);
    IS(BIFROST_STALE, bifrost_job_cancel(world.provider, ticket));
    /* The ticket is stale as soon as the worker has let go, too. */
    if (bifrost_job_get_state(world.provider, ticket, &state) == BIFROST_OK) {
        CHECK(state == BIFROST_JOB_STATE_ENDED);
    }
    OK(bifrost_call(world.provider, &job, &completion));
    CHECK(completion.status == BIFROST_OK && completion.result == 7 && completion.user_data == 5);
    CHECK(gate_read(&gate, &gate.drops) == 2);
    OK(bifrost_submit(world.provider, NULL, &job, NULL));
    gate_await(&gate, &gate.drops, 3);
    end(world);
    CHECK(gate.drops == 3 && gate.runs == 3);
}

static void a_job_that_is_refused(void)
{
    struct world world = begin(BIFROST_OVERFLOW_ERROR);
    struct gate busy = GATE_CLOSED, queued = GATE_OPEN, refused = GATE_OPEN;
    bifrost_job job = gate_job(&refused, 1, BIFROST_JOB_BLOCKING);
    bifrost_cancel *cancel = NULL;
    uint64_t ticket = 77;
    int waiting = 0, i;
    occupy(world, &busy);
    OK(bifrost_cancel_new(&cancel));
    job.cancel = cancel;
    for (;;) {
        bifrost_job more = gate_job(&queued, 2, BIFROST_JOB_BLOCKING);
        bifrost_status status = bifrost_submit(world.provider, world.cq, &more, NULL);
        if (status != BIFROST_OK) {
            IS(BIFROST_QUEUE_FULL, status);
            break;
        }
        waiting++;
    }
    CHECK(waiting >= 4 && gate_read(&queued, &queued.drops) == 0);
    IS(BIFROST_QUEUE_FULL, bifrost_submit(world.provider, world.cq, &job, &ticket));
    CHECK(ticket == 77);
    release(world, &busy);
    for (i = 0; i < waiting; i++) {
        CHECK(next_completion(world.cq).status == BIFROST_OK);
    }
    OK(bifrost_runtime_shutdown(world.runtime, BIFROST_SHUTDOWN_CANCEL, NULL));
    IS(BIFROST_SHUTTING_DOWN, bifrost_submit(world.provider, world.cq, &job, NULL));
    OK(bifrost_cancel_free(cancel));
    end(world);
    CHECK(queued.drops == waiting && queued.runs == waiting && refused.drops == 0);
}

static void a_call_that_finds_no_space_in_time(void)
{
    bifrost_provider_options options = small_options();
    struct world world;
    struct gate busy = GATE_CLOSED, refused = GATE_OPEN;
    bifrost_job job = gate_job(&busy, 1, BIFROST_JOB_BLOCKING);
    bifrost_completion completion;
    int jobs = 0;
    options.overflow = BIFROST_OVERFLOW_BLOCK;
    options.block_timeout_ns = 1000000;
    world.runtime = new_runtime();
    world.provider = new_provider(world.runtime, "a", &options);
    OK(bifrost_cq_new(world.runtime, &world.cq));
    do {
        jobs++;
    } while (bifrost_submit(world.provider, world.cq, &job, NULL) == BIFROST_OK);
    gate_await(&busy, &busy.started, 1);
    while (bifrost_submit(world.provider, world.cq, &job, NULL) == BIFROST_OK) {
        jobs++;
    }
    job = gate_job(&refused, 2, BIFROST_JOB_BLOCKING);
    completion.status = 99;
    IS(BIFROST_QUEUE_FULL, bifrost_call(world.provider, &job, &completion));
    CHECK(completion.status == 99 && gate_read(&refused, &refused.drops) == 0);
    gate_change(&busy, &busy.open, 1);
    gate_await(&busy, &busy.drops, jobs - 1);
    OK(bifrost_call(world.provider, &job, &completion));
    CHECK(completion.status == BIFROST_OK && completion.user_data == 2);
    end(world);
    CHECK(busy.drops == jobs - 1 && refused.drops == 1);
}

static void a_job_that_is_cancelled_in_the_queue(void)
{
    struct world world = begin(0);
    struct gate busy = GATE_CLOSED, gate = GATE_OPEN;
    bifrost_completion completion;
    uint32_t state = 0;
    uint64_t ticket;
    occupy(world, &busy);
    ticket = submit(world, gate_job(&gate, 6, BIFROST_JOB_BLOCKING));
    OK(bifrost_job_get_state(world.provider, ticket, &state));
    CHECK(state == BIFROST_JOB_STATE_QUEUED);
    OK(bifrost_job_cancel(world.provider, ticket));
    IS(BIFROST_STALE, bifrost_job_cancel(world.provider, ticket));
    OK(bifrost_job_get_state(world.provider, ticket, &state));
    CHECK(state == BIFROST_JOB_STATE_ENDED);
    completion = next_completion(world.cq);
    CHECK(completion.status == BIFROST_CANCELLED_CALLER && completion.result == 0);
    gate_await(&gate, &gate.drops, 1);
    release(world, &busy);
    end(world);
    CHECK(gate.drops == 1 && gate.runs == 0);
}

static void a_job_that_is_cancelled_while_it_runs(void)
{
    struct world world = begin(0);
    struct gate gate = GATE_CLOSED;
    uint64_t ticket = submit(world, gate_job(&gate, 6, BIFROST_JOB_BLOCKING));
    uint32_t state = 0;
    gate_await(&gate, &gate.started, 1);
    OK(bifrost_job_get_state(world.provider, ticket, &state));
    CHECK(state == BIFROST_JOB_STATE_RUNNING);
    OK(bifrost_job_cancel(world.provider, ticket));
    CHECK(next_completion(world.cq).status == BIFROST_CANCELLED_CALLER);
    CHECK(gate_read(&gate, &gate.drops) == 0);
    gate_change(&gate, &gate.open, 1);
    gate_await(&gate, &gate.drops, 1);
    end(world);
    CHECK(gate.drops == 1 && gate.runs == 1);
}

static void a_job_that_runs_out_of_time(void)
{
    struct world world = begin(0);
    struct gate busy = GATE_CLOSED, gate = GATE_OPEN;
    bifrost_job job = gate_job(&busy, 1, BIFROST_JOB_BLOCKING);
    bifrost_completion completion;
    job.deadline_ns = 20 * 1000000u;
    submit(world, job);
    gate_await(&busy, &busy.started, 1);
    job = gate_job(&gate, 2, BIFROST_JOB_BLOCKING);
    job.deadline_ns = 1;
    submit(world, job);
    do {
        completion = next_completion(world.cq);
        CHECK(completion.status == (completion.user_data == 1 ? BIFROST_TIMED_OUT_EXEC
                                                              : BIFROST_TIMED_OUT_QUEUE));
    } while (completion.user_data != 1);
    CHECK(gate_read(&busy, &busy.drops) == 0);
    gate_change(&busy, &busy.open, 1);
    gate_await(&busy, &busy.drops, 1);
    gate_await(&gate, &gate.drops, 1);
    end(world);
    CHECK(busy.drops == 1 && gate.drops == 1 && gate.runs == 0);
}

static void a_job_that_is_dropped_from_a_full_queue(uint32_t overflow)
{
    struct world world = begin(overflow);
    struct gate busy = GATE_CLOSED, gate = GATE_OPEN;
    bifrost_completion completion;
    int jobs = 0, dropped = 0, ran = 0;
    occupy(world, &busy);
    do {
        submit(world, gate_job(&gate, (uint64_t)++jobs, BIFROST_JOB_BLOCKING));
    } while (bifrost_cq_poll(world.cq, &completion, 1) == 0);
    CHECK(completion.status == BIFROST_DROPPED_OVERFLOW);
    CHECK(completion.user_data == (overflow == BIFROST_OVERFLOW_DROP_NEWEST ? (uint64_t)jobs : 1));
    CHECK(gate_read(&gate, &gate.drops) == 1);
    release(world, &busy);
    for (dropped = 1; dropped + ran < jobs; ran++) {
        CHECK(next_completion(world.cq).status == BIFROST_OK);
    }
    end(world);
    CHECK(gate.drops == jobs && gate.runs == jobs - 1);
}

static void a_job_whose_token_is_fired(void)
{
    struct world world = begin(0);
    struct gate busy = GATE_CLOSED, gate = GATE_OPEN;
    bifrost_cancel *parent = NULL, *child = NULL;
    bifrost_job job = gate_job(&gate, 1, BIFROST_JOB_BLOCKING);
    OK(bifrost_cancel_new(&parent));
    OK(bifrost_cancel_child(parent, &child));
    occupy(world, &busy);
    job.cancel = child;
    submit(world, job);
    job.cancel = parent;
    job.user_data = 2;
    submit(world, job);
    OK(bifrost_cancel_free(child));
    CHECK(!bifrost_cancel_is_fired(parent));
    OK(bifrost_cancel_fire(parent));
    OK(bifrost_cancel_fire(parent));
    CHECK(bifrost_cancel_is_fired(parent));
    CHECK(next_completion(world.cq).status + next_completion(world.cq).status
          == BIFROST_CANCELLED_PARENT + BIFROST_CANCELLED_CALLER);
    job.user_data = 3;
    submit(world, job);
    CHECK(next_completion(world.cq).status == BIFROST_CANCELLED_CALLER);
    gate_await(&gate, &gate.drops, 3);
    OK(bifrost_cancel_free(parent));
    release(world, &busy);
    end(world);
    CHECK(gate.drops == 3 && gate.runs == 0);
}

/* Asks the gate to open once the shutdown has cancelled what waits. */
static int64_t run_until_stopped(const bifrost_job_ctx *ctx, void *arg)
{
    struct gate *gate = arg;
    gate_change(gate, &gate->started, 1);
    gate_await(gate, &gate->open, 1);
    CHECK(bifrost_job_ctx_attempt(ctx) == 1 && bifrost_job_ctx_ticket(ctx) != 0);
    CHECK(bifrost_job_ctx_remaining_ns(ctx) <= SECONDS(60));
    CHECK(!bifrost_job_ctx_is_cancelled(ctx));
    return 1;
}

static void *await_cancel_and_open(void *arg)
{
    struct gate **gates = arg;
    gate_await(gates[1], &gates[1]->drops, 2);
    gate_change(gates[0], &gates[0]->open, 1);
    return NULL;
}

static void a_job_that_a_shutdown_cancels(void)
{
    struct world world = begin(0);
    struct gate busy = GATE_CLOSED, gate = GATE_OPEN;
    struct gate *gates[2];
    bifrost_job job = gate_job(&busy, 1000, BIFROST_JOB_BLOCKING);
    bifrost_shutdown_report report;
    pthread_t opener;
    gates[0] = &busy;
    gates[1] = &gate;
    job.run = run_until_stopped;
    submit(world, job);
    gate_await(&busy, &busy.started, 1);
    submit(world, gate_job(&gate, 1, BIFROST_JOB_BLOCKING));
    submit(world, gate_job(&gate, 2, BIFROST_JOB_BLOCKING));
    CHECK(pthread_create(&opener, NULL, await_cancel_and_open, gates) == 0);
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    OK(bifrost_runtime_shutdown(world.runtime, BIFROST_SHUTDOWN_CANCEL, &report));
    CHECK(report.cancelled == 2 && report.finished == 1 && report.zombies == 0);
    CHECK(next_completion(world.cq).status == BIFROST_CANCELLED_SHUTDOWN);
    CHECK(next_completion(world.cq).status == BIFROST_CANCELLED_SHUTDOWN);
    CHECK(next_completion(world.cq).status == BIFROST_OK);
    CHECK(pthread_join(opener, NULL) == 0);
    end(world);
    CHECK(gate.drops == 2 && gate.runs == 0 && busy.drops == 1);
}

static void a_job_whose_queue_is_gone(void)
{
    struct world world = begin(0);
    struct gate gate = GATE_CLOSED;
    submit(world, gate_job(&gate, 1, BIFROST_JOB_BLOCKING));
    submit(world, gate_job(&gate, 2, BIFROST_JOB_BLOCKING));
    OK(bifrost_cq_free(world.cq));
    world.cq = NULL;
    gate_change(&gate, &gate.open, 1);
    gate_await(&gate, &gate.drops, 2);
    end(world);
    CHECK(gate.drops == 2 && gate.runs == 2);
}

int main(void)
{
    a_job_that_runs();
    a_job_that_is_refused();
    a_call_that_finds_no_space_in_time();
    a_job_that_is_cancelled_in_the_queue();
    a_job_that_is_cancelled_while_it_runs();
    a_job_that_runs_out_of_time();
    a_job_that_is_dropped_from_a_full_queue(BIFROST_OVERFLOW_DROP_NEWEST);
    a_job_that_is_dropped_from_a_full_queue(BIFROST_OVERFLOW_DROP_OLDEST);
    a_job_whose_token_is_fired();
    a_job_that_a_shutdown_cancels();
    a_job_whose_queue_is_gone();
    return 0;
}
