/* In a child process the parent's objects say so instead of hanging, and new ones work. */
#include "check.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    bifrost_runtime *runtime;
    bifrost_provider *provider;
    bifrost_cq *cq;
    bifrost_cancel *cancel;
    uint64_t ticket;
};

static void the_parents_objects_refuse(struct world world, struct gate *gate)
{
    bifrost_job job = gate_job(gate, 1, 0);
    bifrost_completion completion;
    bifrost_provider_stats stats;
    bifrost_provider *provider = NULL;
    bifrost_cancel *child = NULL;
    bifrost_cq *cq = NULL;
    uint64_t ticket;
    uint32_t state;
    size_t count;
    bool ready;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;

    IS(BIFROST_FORKED, bifrost_runtime_shutdown(world.runtime, BIFROST_SHUTDOWN_CANCEL, NULL));
    IS(BIFROST_FORKED, bifrost_runtime_stats_json(world.runtime, NULL, 0, &count));
    IS(BIFROST_FORKED, bifrost_provider_new(world.runtime, "b", 1, NULL, &provider));
    IS(BIFROST_FORKED, bifrost_provider_find(world.runtime, "a", 1, &provider));
    IS(BIFROST_FORKED, bifrost_provider_get_state(world.provider, &state));
    IS(BIFROST_FORKED, bifrost_provider_stats_get(world.provider, &stats));
    IS(BIFROST_FORKED, bifrost_submit(world.provider, world.cq, &job, &ticket));
    IS(BIFROST_FORKED, bifrost_submit_batch(world.provider, world.cq, &job, 1, &ticket, &count));
    IS(BIFROST_FORKED, bifrost_call(world.provider, &job, &completion));
    IS(BIFROST_FORKED, bifrost_job_cancel(world.provider, world.ticket));
    IS(BIFROST_FORKED, bifrost_job_get_state(world.provider, world.ticket, &state));
    IS(BIFROST_FORKED, bifrost_cq_new(world.runtime, &cq));
    CHECK(bifrost_cq_poll(world.cq, &completion, 1) == 0);
    IS(BIFROST_FORKED, bifrost_cq_wait(world.cq, &completion, 1, 1, BIFROST_FOREVER, &count));
    CHECK(bifrost_cq_fd(world.cq) == -1);
    IS(BIFROST_FORKED, bifrost_cq_arm(world.cq, &ready));
    IS(BIFROST_FORKED, bifrost_cq_wake(world.cq));
    IS(BIFROST_FORKED, bifrost_cancel_child(world.cancel, &child));
    IS(BIFROST_FORKED, bifrost_cancel_fire(world.cancel));
    CHECK(!bifrost_cancel_is_fired(world.cancel));
    IS(BIFROST_FORKED, bifrost_cancel_free(world.cancel));
    IS(BIFROST_FORKED, bifrost_cq_free(world.cq));
    IS(BIFROST_FORKED, bifrost_provider_free(world.provider));
    IS(BIFROST_FORKED, bifrost_runtime_free(world.runtime));
    CHECK(provider == NULL && cq == NULL && child == NULL && gate->drops == 0);
}

static void new_objects_work(void)
{
    struct gate gate = GATE_OPEN;
    bifrost_provider_options options = small_options();
    bifrost_runtime *runtime = new_runtime();
    bifrost_provider *provider = new_provider(runtime, "a", &options);
    bifrost_job job = gate_job(&gate, 1, 0);
    bifrost_completion completion;
    OK(bifrost_call(provider, &job, &completion));
    CHECK(completion.result == 7 && gate.drops == 1);
    OK(bifrost_provider_free(provider));
    OK(bifrost_runtime_free(runtime));
}

/*
 * Waits until every other thread of this process sleeps: a sanitizer's allocator is not fit for a fork while
 * another thread is inside it.
 */
static void others_sleep(void)
{
    for (;;) {
        DIR *tasks = opendir("/proc/self/task");
        struct dirent *task;
        int awake = 0;
        if (!tasks)
            return; /* not Linux */
        while ((task = readdir(tasks))) {
            char path[300], line[300];
            const char *state;
            FILE *stat;
            if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
                continue;
            snprintf(path, sizeof path, "/proc/self/task/%s/stat", task->d_name);
            stat = fopen(path, "r");
            if (!stat)
                continue;
            state = fgets(line, sizeof line, stat) ? strrchr(line, ')') : NULL;
            awake += !state || state[1] != ' ' || state[2] != 'S';
            fclose(stat);
        }
        closedir(tasks);
        if (!awake)
            return;
        sched_yield();
    }
}

int main(void)
{
    struct gate gate = GATE_CLOSED;
    bifrost_provider_options options = small_options();
    bifrost_job job = gate_job(&gate, 1, BIFROST_JOB_BLOCKING);
    struct world world;
    int status = 0;
    pid_t child;
    world.runtime = new_runtime();
    world.provider = new_provider(world.runtime, "a", &options);
    OK(bifrost_cq_new(world.runtime, &world.cq));
    OK(bifrost_cancel_new(&world.cancel));
    OK(bifrost_submit(world.provider, world.cq, &job, &world.ticket));
    gate_await(&gate, &gate.started, 1);

    others_sleep();
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct gate own = GATE_OPEN;
        alarm(60);
        the_parents_objects_refuse(world, &own);
        new_objects_work();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    /* The parent never noticed. */
    gate_change(&gate, &gate.open, 1);
    CHECK(next_completion(world.cq).status == BIFROST_OK);
    OK(bifrost_cancel_free(world.cancel));
    OK(bifrost_cq_free(world.cq));
    OK(bifrost_provider_free(world.provider));
    OK(bifrost_runtime_free(world.runtime));
    return 0;
}
