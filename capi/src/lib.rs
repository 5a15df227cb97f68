//! The C ABI of libbifrost as a shared object and a static archive; everything is in the `ffi` module of the core.
extern crate bifrost as _;
