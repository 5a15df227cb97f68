//! The C ABI, over the public Rust API alone. `include/bifrost.h` is generated from these files, in the
//! order of this table; docs/ABI.md has the policies.
//!
//! | file | object |
//! |---|---|
//! | `version` | what the program was built against, and what it runs with |
//! | `status` | names and texts of statuses |
//! | `last_error` | the text behind a failed cold call |
//! | `runtime` | `bifrost_runtime` |
//! | `provider` | `bifrost_provider` |
//! | `cancel` | `bifrost_cancel`: cancel tokens |
//! | `job` | `bifrost_job`, and jobs by their tickets |
//! | `submit` | the ways in |
//! | `job_ctx` | `bifrost_job_ctx`: what a running job sees |
//! | `cq` | `bifrost_cq`: completion queues |
//! | `queue` | `bifrost_queue`: queues of words, without a runtime |
//! | `stats` | figures |
//!
//! `boundary`, `handle`, `fork`, `sized` and `signal` are what these have in common: the one panic
//! boundary, the ownership of handles, noticing a fork, structs that may grow, and the descriptor of a
//! completion queue.

mod boundary;
mod cancel;
mod cq;
mod fork;
mod handle;
mod job;
mod job_ctx;
mod last_error;
mod provider;
mod queue;
mod runtime;
mod signal;
mod sized;
mod stats;
mod status;
mod submit;
mod version;

pub use cancel::{
    CancelHandle, bifrost_cancel_child, bifrost_cancel_fire, bifrost_cancel_free,
    bifrost_cancel_is_fired, bifrost_cancel_new,
};
pub use cq::{
    Completion, CqHandle, bifrost_cq_arm, bifrost_cq_fd, bifrost_cq_free, bifrost_cq_new,
    bifrost_cq_poll, bifrost_cq_wait, bifrost_cq_wake,
};
pub use job::{
    BIFROST_FOREVER, BIFROST_JOB_BLOCKING, DropFn, JobFn, JobSpec, JobState, bifrost_job_cancel,
    bifrost_job_get_state,
};
pub use job_ctx::{
    JobCtx, bifrost_job_ctx_attempt, bifrost_job_ctx_is_cancelled, bifrost_job_ctx_remaining_ns,
    bifrost_job_ctx_ticket,
};
pub use last_error::bifrost_last_error;
pub use provider::{
    BIFROST_QUEUE_DIRECT, Overflow, ProviderHandle, ProviderOptions, ProviderState,
    bifrost_provider_find, bifrost_provider_free, bifrost_provider_get_state, bifrost_provider_new,
};
pub use queue::{
    QueueHandle, bifrost_queue_capacity, bifrost_queue_close, bifrost_queue_free,
    bifrost_queue_len, bifrost_queue_new, bifrost_queue_pop, bifrost_queue_pop_n,
    bifrost_queue_push, bifrost_queue_push_n,
};
pub use runtime::{
    RuntimeHandle, RuntimeOptions, ShutdownMode, ShutdownReport, bifrost_runtime_free,
    bifrost_runtime_new, bifrost_runtime_shutdown,
};
pub use stats::{
    ProviderStats, TimingStats, bifrost_provider_stats_get, bifrost_runtime_stats_json,
};
pub use status::{bifrost_status_message, bifrost_status_name};
pub use submit::{bifrost_call, bifrost_submit, bifrost_submit_batch};
pub use version::{
    BIFROST_ABI_VERSION, BIFROST_FEATURE_HTTP, BIFROST_FEATURE_TLS, bifrost_abi_check,
    bifrost_features, bifrost_version, bifrost_version_string,
};
