//! The lock-free rings.
