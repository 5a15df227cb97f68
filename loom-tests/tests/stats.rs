//! Counters and histograms: a reading is never ahead of what it depends on.
#![cfg(loom)]

use bifrost::stats::{Blocks, Count, Histogram};
use loom_tests::{Model, spawn};
use std::sync::Arc;

#[test]
fn blocks_count() {
    let model = Model::new("blocks_count").floor(76).witness("nothing").witness("submitted");
    model.witness("started").witness("ended").run(|w| {
        let blocks = Arc::new(Blocks::new());
        let theirs = Arc::clone(&blocks);
        let task = spawn(move || {
            theirs.add(Count::Submitted, 1);
            theirs.add(Count::Started, 1);
            theirs.end(Count::Completed, true);
        });
        let ledger = blocks.ledger();
        assert_eq!(ledger.check_order(), Ok(()));
        w.saw(match (ledger.submitted(), ledger.started(), ledger.ended()) {
            (0, 0, 0) => "nothing",
            (1, 0, 0) => "submitted",
            (1, 1, 0) => "started",
            (1, 1, 1) => "ended",
            _ => "something else",
        });
        task.join();
    });
}

#[test]
fn histogram_bucket() {
    Model::new("histogram_bucket").floor(130).witness("none").witness("one").run(|w| {
        let histogram = Arc::new(Histogram::new());
        let theirs = Arc::clone(&histogram);
        let task = spawn(move || theirs.record(5));
        let snapshot = histogram.snapshot();
        match snapshot.count() {
            0 => w.saw("none"),
            _ => {
                assert_eq!((snapshot.max(), snapshot.sum()), (5, 5));
                w.saw("one");
            }
        }
        task.join();
    });
}
