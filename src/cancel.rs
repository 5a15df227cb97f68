//! Cancellation that propagates from parent to child.
