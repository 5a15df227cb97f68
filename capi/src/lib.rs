//! The C ABI of libbifrost as a shared object and a static archive; everything is in the `ffi` module of the core.
pub use bifrost as _;
