/* Many threads submit to one provider and one completion queue; a job cannot end the runtime that runs it;
 * no thread is left, and none of ours takes the program's signals. */
#include "check.h"

#include <dirent.h>
#include <sched.h>

enum { THREADS = 8, JOBS = 2000 };

struct shared {
    bifrost_runtime *runtime;
    bifrost_provider *provider;
    bifrost_cq *cq;
};

static int threads_now(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int count = 0;
    if (tasks == NULL) {
        return -1;
    }
    while ((task = readdir(tasks)) != NULL) {
        count += task->d_name[0] != '.';
    }
    closedir(tasks);
    return count;
}

static int64_t identity(const bifrost_job_ctx *ctx, void *arg)
{
    (void)ctx;
    return (int64_t)(intptr_t)arg;
}

static void *submit_many(void *arg)
{
    const struct shared *shared = arg;
    bifrost_job job;
    intptr_t i = 1;
    memset(&job, 0, sizeof job);
    job.run = identity;
    while (i <= JOBS) {
        bifrost_status status;
        job.arg = (void *)i;
        job.user_data = (uint64_t)i;
        job.flags = i % 3 == 0 ? BIFROST_JOB_BLOCKING : 0;
        status = bifrost_submit(shared->provider, shared->cq, &job, NULL);
        if (status == BIFROST_QUEUE_FULL || status == BIFROST_LIMIT_REACHED) {
            sched_yield();
            continue;
        }
        OK(status);
        i++;
    }
    return NULL;
}

static void every_job_of_every_thread_completes(const struct shared *shared)
{
    pthread_t threads[THREADS];
    bifrost_completion completions[64];
    bifrost_provider_stats stats;
    size_t seen = 0, taken, i;
    int64_t sum = 0;
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, submit_many, (void *)(uintptr_t)shared) == 0);
    }
    while (seen < (size_t)THREADS * JOBS) {
        OK(bifrost_cq_wait(shared->cq, completions, 64, 1, SECONDS(60), &taken));
        for (i = 0; i < taken; i++) {
            OK(completions[i].status);
            CHECK((uint64_t)completions[i].result == completions[i].user_data);
            sum += completions[i].result;
        }
        seen += taken;
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(sum == (int64_t)THREADS * JOBS * (JOBS + 1) / 2);
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(bifrost_provider_stats_get(shared->provider, &stats));
    CHECK(stats.completed == (uint64_t)THREADS * JOBS && stats.ended == stats.completed);
    CHECK(stats.submitted == stats.accepted + stats.rejected && stats.run.count == stats.completed);
}

/* Everything that would wait for this very job, or block the thread that others need. */
static int64_t end_from_inside(const bifrost_job_ctx *ctx, void *arg)
{
    const struct shared *shared = arg;
    bifrost_completion completion;
    bifrost_provider *provider = NULL;
    bifrost_job job;
    size_t count;
    (void)ctx;
    memset(&job, 0, sizeof job);
    job.run = identity;
    IS(BIFROST_WOULD_DEADLOCK, bifrost_runtime_shutdown(shared->runtime, 0, NULL));
    IS(BIFROST_WOULD_DEADLOCK, bifrost_runtime_free(shared->runtime));
    IS(BIFROST_WOULD_DEADLOCK, bifrost_call(shared->provider, &job, &completion));
    IS(BIFROST_WOULD_DEADLOCK, bifrost_cq_wait(shared->cq, &completion, 1, 1, 5, &count));
    IS(BIFROST_WOULD_DEADLOCK, bifrost_provider_new(shared->runtime, "b", 1, NULL, &provider));
    OK(bifrost_submit(shared->provider, NULL, &job, NULL));
    return 1;
}

static int64_t end_from_inside_blocking(const bifrost_job_ctx *ctx, void *arg)
{
    const struct shared *shared = arg;
    bifrost_completion completion;
    bifrost_job job;
    (void)ctx;
    IS(BIFROST_WOULD_DEADLOCK, bifrost_runtime_shutdown(shared->runtime, 0, NULL));
    IS(BIFROST_WOULD_DEADLOCK, bifrost_runtime_free(shared->runtime));
    memset(&job, 0, sizeof job);
    job.run = identity;
    job.arg = (void *)(intptr_t)5;
    OK(bifrost_call(shared->provider, &job, &completion));
    return completion.result;
}

static void a_job_cannot_end_its_runtime(struct shared *shared)
{
    bifrost_completion completion;
    bifrost_job job;
    memset(&job, 0, sizeof job);
    job.run = end_from_inside;
    job.arg = shared;
    OK(bifrost_call(shared->provider, &job, &completion));
    CHECK(completion.status == BIFROST_OK && completion.result == 1);
    job.run = end_from_inside_blocking;
    job.flags = BIFROST_JOB_BLOCKING;
    OK(bifrost_call(shared->provider, &job, &completion));
    CHECK(completion.status == BIFROST_OK && completion.result == 5);
}

static int64_t blocked_signals(const bifrost_job_ctx *ctx, void *arg)
{
    char line[256];
    unsigned long long mask = 0;
    FILE *status = fopen("/proc/thread-self/status", "r");
    (void)ctx;
    (void)arg;
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        (void)sscanf(line, "SigBlk: %llx", &mask);
    }
    fclose(status);
    return (int64_t)(mask & 0x7fffffff);
}

static void our_threads_take_no_signals(const struct shared *shared)
{
    const int64_t term = 1 << 14, interrupt = 1 << 1, segv = 1 << 10;
    bifrost_completion completion;
    uint32_t flags;
    for (flags = 0; flags <= BIFROST_JOB_BLOCKING; flags++) {
        bifrost_job job;
        memset(&job, 0, sizeof job);
        job.run = blocked_signals;
        job.flags = flags;
        OK(bifrost_call(shared->provider, &job, &completion));
        CHECK((completion.result & term) && (completion.result & interrupt));
        CHECK(!(completion.result & segv));
    }
}

int main(void)
{
    int before = threads_now(), after, tries = 0;
    bifrost_provider_options options = small_options();
    struct shared shared;
    options.workers_max = 4;
    options.blocking_workers_max = 2;
    options.queue_capacity = 64;
    shared.runtime = new_runtime();
    shared.provider = new_provider(shared.runtime, "a", &options);
    OK(bifrost_cq_new(shared.runtime, &shared.cq));
    CHECK(before < 0 || threads_now() > before);
    every_job_of_every_thread_completes(&shared);
    a_job_cannot_end_its_runtime(&shared);
    if (before > 0) {
        our_threads_take_no_signals(&shared);
    }
    OK(bifrost_runtime_free(shared.runtime));
    /* A joined thread is listed until the kernel has put it away. */
    while ((after = threads_now()) != before && tries++ < 1000000) {
        sched_yield();
    }
    CHECK(after == before);
    OK(bifrost_provider_free(shared.provider));
    OK(bifrost_cq_free(shared.cq));
    return 0;
}
