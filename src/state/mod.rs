//! State machines in one word each.
