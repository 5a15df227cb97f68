//! `KeyRing`: any two picks in a row take two keys, whoever picks.
#![cfg(loom)]

use bifrost::state::KeyRing;
use loom_tests::{Model, spawn};
use std::sync::Arc;

#[test]
fn keys_in_turn() {
    Model::new("keys_in_turn").floor(7).witness("first").witness("second").run(|w| {
        let ring = KeyRing::new(["a", "b"]);
        let theirs = Arc::clone(&ring);
        let other = spawn(move || theirs.pick().expect("there are keys").index());
        let lease = ring.pick().expect("there are keys");
        assert!((1..=2).contains(&ring.in_flight(lease.index())));
        let index = lease.index();
        assert!(other.join() != index, "each key has its turn");
        drop(lease);
        assert_eq!((ring.in_flight(0), ring.in_flight(1)), (0, 0));
        w.saw(["first", "second"][index]);
    });
}
