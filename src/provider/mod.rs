//! One isolated provider.
