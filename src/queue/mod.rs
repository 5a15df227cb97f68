//! Waiting around the rings.
