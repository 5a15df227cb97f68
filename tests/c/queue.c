/* A queue of words between threads: order, batches, limits, the end. */
#include "check.h"

#define EACH 20000
#define FEW 50

struct shared {
    bifrost_queue *queue;
    uint64_t sum;
};

static void *produce(void *arg)
{
    struct shared *shared = arg;
    uint64_t words[FEW];
    size_t i, at, added;
    for (i = 0; i < EACH / 2; i++) {
        OK(bifrost_queue_push(shared->queue, i, BIFROST_FOREVER));
    }
    for (; i < EACH; i += FEW) {
        for (at = 0; at < FEW; at++) {
            words[at] = i + at;
        }
        for (at = 0; at < FEW; at += added) {
            added = 0;
            if (bifrost_queue_push_n(shared->queue, words + at, FEW - at, &added) != BIFROST_OK) {
                OK(bifrost_queue_push(shared->queue, words[at], BIFROST_FOREVER));
                added = 1;
            }
        }
    }
    return NULL;
}

static void *consume(void *arg)
{
    struct shared *shared = arg;
    uint64_t word, words[FEW];
    size_t i, count;
    while (bifrost_queue_pop(shared->queue, &word, BIFROST_FOREVER) == BIFROST_OK) {
        shared->sum += word;
        count = 0;
        if (bifrost_queue_pop_n(shared->queue, words, FEW, &count) == BIFROST_OK) {
            CHECK(count >= 1 && count <= FEW);
        }
        for (i = 0; i < count; i++) {
            shared->sum += words[i];
        }
    }
    return NULL;
}

static void threads_pass_everything_on(size_t capacity)
{
    struct shared producers[3], consumers[3];
    pthread_t threads[6];
    bifrost_queue *queue = NULL;
    uint64_t sum = 0;
    int i;
    OK(bifrost_queue_new(capacity, &queue));
    for (i = 0; i < 3; i++) {
        producers[i] = consumers[i] = (struct shared){queue, 0};
        CHECK(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0);
        CHECK(pthread_create(&threads[3 + i], NULL, consume, &consumers[i]) == 0);
    }
    for (i = 0; i < 6; i++) {
        if (i == 3) {
            OK(bifrost_queue_close(queue));
        }
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (i = 0; i < 3; i++) {
        sum += consumers[i].sum;
    }
    CHECK(sum == 3 * ((uint64_t)EACH * (EACH - 1) / 2));
    OK(bifrost_queue_free(queue));
}

static void words_come_out_in_order(void)
{
    uint64_t words[300], word = 99;
    size_t count = 99, i;
    bifrost_queue *queue = NULL;
    OK(bifrost_queue_new(256, &queue));
    CHECK(bifrost_queue_capacity(queue) == 256);
    IS(BIFROST_EMPTY, bifrost_queue_pop(queue, &word, 0));
    IS(BIFROST_TIMED_OUT, bifrost_queue_pop(queue, &word, 1000));
    IS(BIFROST_EMPTY, bifrost_queue_pop_n(queue, words, 300, &count));
    CHECK(word == 99 && count == 99);
    for (i = 0; i < 300; i++) {
        words[i] = i;
    }
    OK(bifrost_queue_push_n(queue, words, 300, &count));
    CHECK(count == 256 && bifrost_queue_len(queue) == 256);
    count = 99;
    IS(BIFROST_QUEUE_FULL, bifrost_queue_push_n(queue, words, 1, &count));
    CHECK(count == 99);
    IS(BIFROST_QUEUE_FULL, bifrost_queue_push(queue, 1, 0));
    IS(BIFROST_TIMED_OUT, bifrost_queue_push(queue, 1, 1000));
    OK(bifrost_queue_pop(queue, &word, 0));
    CHECK(word == 0);
    OK(bifrost_queue_push(queue, UINT64_MAX, 0));
    memset(words, 0, sizeof words);
    OK(bifrost_queue_pop_n(queue, words, 300, &count));
    CHECK(count == 256 && words[255] == UINT64_MAX && words[256] == 0);
    for (i = 0; i < 255; i++) {
        CHECK(words[i] == i + 1);
    }
    OK(bifrost_queue_push_n(queue, words, 2, NULL));
    OK(bifrost_queue_close(queue));
    OK(bifrost_queue_close(queue));
    IS(BIFROST_CLOSED, bifrost_queue_push(queue, 1, 0));
    IS(BIFROST_CLOSED, bifrost_queue_push(queue, 1, BIFROST_FOREVER));
    IS(BIFROST_CLOSED, bifrost_queue_push_n(queue, words, 1, &count));
    OK(bifrost_queue_pop(queue, &word, BIFROST_FOREVER));
    OK(bifrost_queue_pop_n(queue, words, 300, &count));
    CHECK(count == 1);
    IS(BIFROST_CLOSED, bifrost_queue_pop(queue, &word, BIFROST_FOREVER));
    IS(BIFROST_CLOSED, bifrost_queue_pop_n(queue, words, 1, &count));
    OK(bifrost_queue_free(queue));
}

static void null_and_nonsense(void)
{
    uint64_t word = 99;
    size_t count = 99;
    bifrost_queue *queue = NULL;
    IS(BIFROST_NULL, bifrost_queue_new(1, NULL));
    IS(BIFROST_INVALID, bifrost_queue_new(0, &queue));
    IS(BIFROST_INVALID, bifrost_queue_new(65537, &queue));
    CHECK(queue == NULL);
    IS(BIFROST_NULL, bifrost_queue_push(NULL, 1, 0));
    IS(BIFROST_NULL, bifrost_queue_pop(NULL, &word, 0));
    IS(BIFROST_NULL, bifrost_queue_push_n(NULL, &word, 1, &count));
    IS(BIFROST_NULL, bifrost_queue_pop_n(NULL, &word, 1, &count));
    IS(BIFROST_NULL, bifrost_queue_close(NULL));
    CHECK(bifrost_queue_len(NULL) == 0 && bifrost_queue_capacity(NULL) == 0);
    OK(bifrost_queue_free(NULL));
    OK(bifrost_queue_new(1, &queue));
    OK(bifrost_queue_push(queue, 1, 0));
    IS(BIFROST_NULL, bifrost_queue_pop(queue, NULL, 0));
    IS(BIFROST_NULL, bifrost_queue_push_n(queue, NULL, 1, &count));
    IS(BIFROST_INVALID, bifrost_queue_push_n(queue, &word, SIZE_MAX, &count));
    IS(BIFROST_NULL, bifrost_queue_pop_n(queue, NULL, 1, &count));
    IS(BIFROST_NULL, bifrost_queue_pop_n(queue, &word, 1, NULL));
    IS(BIFROST_INVALID, bifrost_queue_pop_n(queue, &word, SIZE_MAX, &count));
    CHECK(word == 99 && count == 99);
    OK(bifrost_queue_push_n(queue, NULL, 0, &count));
    CHECK(count == 0);
    OK(bifrost_queue_pop_n(queue, NULL, 0, &count));
    CHECK(count == 0 && bifrost_queue_len(queue) == 1);
    OK(bifrost_queue_free(queue));
}

int main(void)
{
    words_come_out_in_order();
    null_and_nonsense();
    threads_pass_everything_on(1);
    threads_pass_everything_on(100);
    return 0;
}
