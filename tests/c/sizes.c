/* What is frozen is as it was, and structs that grow take older and newer callers. */
#include "check.h"

#include <limits.h>

_Static_assert(sizeof(void *) != 8 || sizeof(bifrost_job) == 56, "bifrost_job is frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, run) == 0, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, arg) == 8, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, drop) == 16, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, user_data) == 24, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, deadline_ns) == 32, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, cancel) == 40, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, flags) == 48, "frozen");
_Static_assert(sizeof(void *) != 8 || offsetof(bifrost_job, priority) == 52, "frozen");
_Static_assert(sizeof(bifrost_completion) == 40, "bifrost_completion is frozen");
_Static_assert(offsetof(bifrost_completion, user_data) == 0, "frozen");
_Static_assert(offsetof(bifrost_completion, ticket) == 8, "frozen");
_Static_assert(offsetof(bifrost_completion, result) == 16, "frozen");
_Static_assert(offsetof(bifrost_completion, status) == 24, "frozen");
_Static_assert(offsetof(bifrost_completion, flags) == 28, "frozen");
_Static_assert(offsetof(bifrost_completion, queue_us) == 32, "frozen");
_Static_assert(offsetof(bifrost_completion, run_us) == 36, "frozen");
_Static_assert(BIFROST_OK == 0 && BIFROST_EMPTY == 1 && BIFROST_PENDING == 2, "frozen");
_Static_assert(BIFROST_INVALID == -1 && BIFROST_NULL == -2 && BIFROST_VERSION == -3, "frozen");
_Static_assert(BIFROST_NO_MEMORY == -4 && BIFROST_PANIC == -5 && BIFROST_CLOSED == -6, "frozen");
_Static_assert(BIFROST_FORKED == -7 && BIFROST_NOT_FOUND == -8 && BIFROST_EXISTS == -9, "frozen");
_Static_assert(BIFROST_STALE == -10 && BIFROST_BUSY == -11 && BIFROST_WOULD_DEADLOCK == -12, "frozen");
_Static_assert(BIFROST_TIMED_OUT == -13 && BIFROST_SYSTEM == -14 && BIFROST_CONFIG == -15, "frozen");
_Static_assert(BIFROST_QUEUE_FULL == -20 && BIFROST_CIRCUIT_OPEN == -21, "frozen");
_Static_assert(BIFROST_LIMIT_REACHED == -22 && BIFROST_NO_KEY == -23, "frozen");
_Static_assert(BIFROST_DEADLINE_UNMEETABLE == -24 && BIFROST_NOT_READY == -25, "frozen");
_Static_assert(BIFROST_SHUTTING_DOWN == -26 && BIFROST_FAILED == -40, "frozen");
_Static_assert(BIFROST_TIMED_OUT_QUEUE == -41 && BIFROST_TIMED_OUT_EXEC == -42, "frozen");
_Static_assert(BIFROST_DROPPED_OVERFLOW == -43 && BIFROST_DROPPED_CODEL == -44, "frozen");
_Static_assert(BIFROST_CANCELLED_CALLER == -45 && BIFROST_CANCELLED_SHUTDOWN == -46, "frozen");
_Static_assert(BIFROST_CANCELLED_PARENT == -47 && BIFROST_PANICKED == -48, "frozen");
_Static_assert(BIFROST_ABANDONED == -49 && BIFROST_JOB_ERROR == -60, "frozen");

/* Options of a later version of the header. */
struct later_options {
    bifrost_provider_options known;
    uint64_t unheard_of;
};

static void the_version_is_checked(void)
{
    OK(BIFROST_ABI_CHECK());
    IS(BIFROST_VERSION, bifrost_abi_check(BIFROST_ABI_VERSION + 1, sizeof(bifrost_job),
                                          sizeof(bifrost_completion)));
    IS(BIFROST_VERSION, bifrost_abi_check(BIFROST_ABI_VERSION, sizeof(bifrost_job) + 8,
                                          sizeof(bifrost_completion)));
    IS(BIFROST_VERSION, bifrost_abi_check(BIFROST_ABI_VERSION, sizeof(bifrost_job), 32));
    CHECK(bifrost_version() == BIFROST_VERSION_NUMBER);
    CHECK(bifrost_version_string()[0] == '0' + BIFROST_VERSION_MAJOR);
    CHECK((bifrost_features() & BIFROST_FEATURE_TLS) == 0);
}

static void options_grow(bifrost_runtime *runtime)
{
    struct later_options options;
    bifrost_provider *provider = NULL;
    bifrost_runtime_options settings;
    bifrost_runtime *other = NULL;
    uint32_t bad[] = {0, 1, 4, 63, 5000, UINT_MAX};
    size_t i;

    memset(&options, 0, sizeof options);
    options.known = small_options();
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.known.struct_size = bad[i];
        IS(BIFROST_VERSION, bifrost_provider_new(runtime, "a", 1, &options.known, &provider));
    }
    options.known.struct_size = sizeof options;
    options.unheard_of = 1;
    IS(BIFROST_VERSION, bifrost_provider_new(runtime, "a", 1, &options.known, &provider));
    options.known.reserved = 1;
    options.unheard_of = 0;
    IS(BIFROST_VERSION, bifrost_provider_new(runtime, "a", 1, &options.known, &provider));
    CHECK(provider == NULL);
    options.known.reserved = 0;
    OK(bifrost_provider_new(runtime, "a", 1, &options.known, &provider));
    OK(bifrost_provider_free(provider));

    memset(&settings, 0, sizeof settings);
    IS(BIFROST_VERSION, bifrost_runtime_new(&settings, &other));
    settings.struct_size = sizeof settings;
    settings.drivers = 100000;
    IS(BIFROST_CONFIG, bifrost_runtime_new(&settings, &other));
    CHECK(other == NULL);
}

static void figures_grow(bifrost_runtime *runtime)
{
    struct {
        bifrost_provider_stats known;
        uint64_t unheard_of;
    } stats;
    struct {
        bifrost_shutdown_report known;
        uint64_t unheard_of;
    } report;
    bifrost_provider *provider = NULL;
    uint32_t state = 99;
    char json[65536];
    size_t length = 0;

    OK(bifrost_provider_find(runtime, "a", 1, &provider));
    memset(&stats, 0xff, sizeof stats);
    IS(BIFROST_VERSION, bifrost_provider_stats_get(provider, &stats.known));
    CHECK(stats.known.submitted == UINT64_MAX);
    stats.known.struct_size = 16;
    IS(BIFROST_VERSION, bifrost_provider_stats_get(provider, &stats.known));
    stats.known.struct_size = sizeof stats.known;
    OK(bifrost_provider_stats_get(provider, &stats.known));
    CHECK(stats.known.submitted == 0 && stats.unheard_of == UINT64_MAX);
    CHECK(stats.known.struct_size == sizeof stats.known);
    stats.known.struct_size = sizeof stats;
    OK(bifrost_provider_stats_get(provider, &stats.known));
    CHECK(stats.unheard_of == 0 && stats.known.queue_capacity >= 4);
    OK(bifrost_provider_get_state(provider, &state));
    CHECK(state == BIFROST_PROVIDER_STATE_READY && stats.known.state == state);

    OK(bifrost_runtime_stats_json(runtime, NULL, 0, &length));
    CHECK(length > 100 && length < sizeof json);
    OK(bifrost_runtime_stats_json(runtime, json, sizeof json, &length));
    CHECK(strlen(json) == length && strstr(json, "\"name\":\"a\""));
    OK(bifrost_runtime_stats_json(runtime, json, 10, &length));
    CHECK(strlen(json) == 9 && length > 100);

    memset(&report, 0xff, sizeof report);
    IS(BIFROST_VERSION, bifrost_runtime_shutdown(runtime, BIFROST_SHUTDOWN_FINISH, &report.known));
    OK(bifrost_provider_get_state(provider, &state));
    CHECK(state == BIFROST_PROVIDER_STATE_READY);
    report.known.struct_size = sizeof report;
    OK(bifrost_runtime_shutdown(runtime, BIFROST_SHUTDOWN_FINISH, &report.known));
    CHECK(report.known.zombies == 0 && report.known.finished == 0 && report.unheard_of == 0);
    OK(bifrost_provider_get_state(provider, &state));
    CHECK(state == BIFROST_PROVIDER_STATE_STOPPED);
    OK(bifrost_provider_free(provider));
}

int main(void)
{
    bifrost_runtime *runtime = new_runtime();
    the_version_is_checked();
    options_grow(runtime);
    figures_grow(runtime);
    OK(bifrost_runtime_free(runtime));
    return 0;
}
