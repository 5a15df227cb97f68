/*
 * Runs 100,000 jobs on two providers, in batches, with a completion queue: some fail by their result, some
 * are cancelled, some have next to no time. Prints the ledger, and exits with 1 unless it balances against
 * what this program counted itself.
 *
 *     cc -std=c99 examples/c/ledger.c $(pkg-config --cflags --libs bifrost)
 */
#include <bifrost.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 100000, PROVIDERS = 2, BATCH = 64, SECOND = 1000000000 };

/* What this program has seen of a provider. */
struct tally {
    uint64_t accepted, refused;
    uint64_t ok, negative, cancelled, timed_out, other;
    int64_t sum;
};

struct state {
    bifrost_provider *provider[PROVIDERS];
    struct tally tally[PROVIDERS];
    bifrost_cq *cq;
    uint64_t seen;
};

static void check(bifrost_status status, const char *what)
{
    if (status != BIFROST_OK) {
        char text[256];
        bifrost_last_error(text, sizeof text);
        fprintf(stderr, "%s: %s (%s)\n", what, bifrost_status_name(status), text);
        exit(1);
    }
}

/* The job: squares a number; every tenth fails, which is a result as any other. */
static int64_t square(const bifrost_job_ctx *ctx, void *arg)
{
    int64_t number = *(const int64_t *)arg;
    if (bifrost_job_ctx_is_cancelled(ctx)) {
        return 0;
    }
    return number / PROVIDERS % 10 == 3 ? -1 : number * number;
}

static bifrost_job make_job(uint64_t number)
{
    bifrost_job job;
    int64_t *arg = malloc(sizeof *arg);
    if (arg == NULL) {
        abort();
    }
    *arg = (int64_t)number;
    memset(&job, 0, sizeof job);
    job.run = square;
    job.arg = arg;
    job.drop = free;
    job.user_data = number;
    job.deadline_ns = number / PROVIDERS % 100 == 11 ? 1 : 10 * (uint64_t)SECOND;
    return job;
}

static void count(struct state *state, const bifrost_completion *completion)
{
    struct tally *tally = &state->tally[completion->user_data % PROVIDERS];
    switch (completion->status) {
    case BIFROST_OK:
        tally->ok++;
        tally->negative += completion->result < 0;
        tally->sum += completion->result;
        break;
    case BIFROST_CANCELLED_CALLER:
        tally->cancelled++;
        break;
    case BIFROST_TIMED_OUT_QUEUE:
    case BIFROST_TIMED_OUT_EXEC:
        tally->timed_out++;
        break;
    default:
        tally->other++;
    }
    state->seen++;
}

/* Takes completions, at least `least` of them. */
static void collect(struct state *state, size_t least)
{
    bifrost_completion completions[256];
    size_t taken, i;
    check(bifrost_cq_wait(state->cq, completions, 256, least, 60 * (uint64_t)SECOND, &taken), "wait");
    for (i = 0; i < taken; i++) {
        count(state, &completions[i]);
    }
}

/* Submits a batch; what is refused because the provider has too much to do is submitted again. */
static void submit(struct state *state, size_t which, const bifrost_job *jobs, size_t total)
{
    struct tally *tally = &state->tally[which];
    size_t done = 0;
    while (done < total) {
        uint64_t tickets[BATCH];
        size_t accepted = 0, i;
        bifrost_status status = bifrost_submit_batch(state->provider[which], state->cq, jobs + done,
                                                     total - done, tickets, &accepted);
        for (i = 0; i < accepted; i++) {
            if (jobs[done + i].user_data / PROVIDERS % 50 == 7) {
                (void)bifrost_job_cancel(state->provider[which], tickets[i]);
            }
        }
        tally->accepted += accepted;
        done += accepted;
        if (status == BIFROST_QUEUE_FULL || status == BIFROST_LIMIT_REACHED
            || status == BIFROST_DEADLINE_UNMEETABLE) {
            tally->refused += total - done;
            collect(state, 1);
        } else {
            check(status, "submit");
        }
    }
}

static int balances(const struct state *state, size_t which)
{
    const struct tally *tally = &state->tally[which];
    uint64_t seen = tally->ok + tally->cancelled + tally->timed_out + tally->other;
    bifrost_provider_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    check(bifrost_provider_stats_get(state->provider[which], &stats), "stats");
    printf("%-6s submitted %6" PRIu64 " = accepted %6" PRIu64 " + rejected %5" PRIu64 "\n",
           which == 0 ? "even" : "odd", stats.submitted, stats.accepted, stats.rejected);
    printf("       completed %6" PRIu64 " (failed by result %5" PRIu64 ")  cancelled %5" PRIu64
           "  timed out %5" PRIu64 "  other %" PRIu64 "\n",
           tally->ok, tally->negative, tally->cancelled, tally->timed_out, tally->other);
    return stats.submitted == stats.accepted + stats.rejected
        && stats.accepted == stats.ended && stats.queued + stats.delayed + stats.running == 0
        && tally->accepted == JOBS / PROVIDERS && stats.accepted == tally->accepted
        && stats.rejected == tally->refused && seen == tally->accepted && tally->other == 0
        && stats.completed == tally->ok && stats.cancelled_caller == tally->cancelled
        && stats.timed_out_queue + stats.timed_out_exec == tally->timed_out;
}

int main(void)
{
    static const char *const names[PROVIDERS] = {"even", "odd"};
    static struct state state;
    bifrost_job batch[PROVIDERS][BATCH];
    size_t filled[PROVIDERS] = {0, 0};
    bifrost_provider_options options;
    bifrost_runtime *runtime = NULL;
    uint64_t number;
    size_t i;
    int balanced = 1;

    check(BIFROST_ABI_CHECK(), "header and library");
    check(bifrost_runtime_new(NULL, &runtime), "runtime");
    check(bifrost_cq_new(runtime, &state.cq), "completion queue");
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.workers_min = 2;
    options.workers_max = 8;
    options.queue_capacity = 512;
    options.result_buffer = 512;
    for (i = 0; i < PROVIDERS; i++) {
        check(bifrost_provider_new(runtime, names[i], strlen(names[i]), &options, &state.provider[i]),
              names[i]);
    }

    for (number = 0; number < JOBS; number++) {
        size_t which = number % PROVIDERS;
        batch[which][filled[which]++] = make_job(number);
        if (filled[which] == BATCH) {
            submit(&state, which, batch[which], BATCH);
            filled[which] = 0;
        }
    }
    for (i = 0; i < PROVIDERS; i++) {
        submit(&state, i, batch[i], filled[i]);
    }
    while (state.seen < JOBS) {
        collect(&state, 1);
    }

    for (i = 0; i < PROVIDERS; i++) {
        balanced &= balances(&state, i);
        check(bifrost_provider_free(state.provider[i]), "free the provider");
    }
    check(bifrost_cq_free(state.cq), "free the completion queue");
    check(bifrost_runtime_free(runtime), "free the runtime");
    puts(balanced ? "the ledger balances" : "THE LEDGER DOES NOT BALANCE");
    return balanced ? 0 : 1;
}
