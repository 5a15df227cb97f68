//! Recording without locks.
