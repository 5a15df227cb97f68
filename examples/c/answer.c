#include <bifrost.h>
#include <inttypes.h>
#include <stdio.h>

static int64_t answer(const bifrost_job_ctx *ctx, void *arg) { (void)ctx; return *(int *)arg * 7; }

int main(void) {
    bifrost_runtime *runtime = NULL;
    bifrost_provider *fast = NULL;
    bifrost_cq *queue = NULL;
    if (bifrost_runtime_new(NULL, &runtime) || bifrost_provider_new(runtime, "fast", 4, NULL, &fast)
        || bifrost_cq_new(runtime, &queue)) return 1;

    int six = 6;
    bifrost_job job = { .run = answer, .arg = &six, .user_data = 1 };
    uint64_t ticket = 0;
    bifrost_status status = bifrost_submit(fast, queue, &job, &ticket); /* never waits */
    if (status != BIFROST_OK) { fprintf(stderr, "%s\n", bifrost_status_message(status)); return 1; }

    bifrost_completion done;
    size_t count = 0;
    bifrost_cq_wait(queue, &done, 1, 1, BIFROST_FOREVER, &count);
    printf("job %" PRIu64 ": %s, %" PRId64 "\n", done.user_data, bifrost_status_name(done.status), done.result);

    bifrost_cq_free(queue);
    bifrost_provider_free(fast);
    return bifrost_runtime_free(runtime) != BIFROST_OK;
}
