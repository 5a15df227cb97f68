//! The models of libbifrost and what runs them.
//!
//! Without `--cfg loom` this crate is empty, so that `cargo test --workspace` passes over it. To run the
//! models:
//!
//! ```text
//! CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
//!     cargo test -p loom-tests --release
//! ```
//!
//! Loom 0.7.3 is not exhaustive by itself: it misses interleavings and then passes. A model here is
//! therefore a `Model` that names the outcomes which must be seen, and the atomics of `bifrost::sync` have
//! gates that make loom's search see what it forgets. `docs/MEMORY.md` has the whole story and the table of
//! all edges.

#[cfg(loom)]
pub mod jobs;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod mutate;
#[cfg(loom)]
mod note;
#[cfg(loom)]
mod task;
#[cfg(loom)]
mod witness;

#[cfg(loom)]
pub use bifrost::sync::atomic::execution::Gates;
#[cfg(loom)]
pub use model::{Bound, Model, Report};
#[cfg(loom)]
pub use note::Note;
#[cfg(loom)]
pub use task::{Task, spawn};
#[cfg(loom)]
pub use witness::Witness;
