//! Counters and histograms: a reading is never ahead of what it depends on.
#![cfg(loom)]

use bifrost::stats::{Blocks, Count, Gauge, Histogram};
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

/// Single counters, asked in the order of a ledger, agree as it does.
#[test]
fn blocks_get() {
    let model = Model::new("blocks_get").floor(28).witness("nothing").witness("submitted");
    model.witness("started").run(|w| {
        let blocks = Arc::new(Blocks::new());
        let theirs = Arc::clone(&blocks);
        let task = spawn(move || {
            theirs.add(Count::Submitted, 1);
            theirs.add(Count::Started, 1);
        });
        let started = blocks.get(Count::Started);
        w.saw(match (blocks.get(Count::Submitted), started) {
            (0, 0) => "nothing",
            (1, 0) => "submitted",
            (1, 1) => "started",
            _ => "started before it was submitted",
        });
        task.join();
    });
}

#[test]
fn gauge_high_water() {
    let model = Model::new("gauge_high_water").floor(880).witness("one").witness("two");
    model.run(|w| {
        let gauge = Arc::new(Gauge::new());
        let theirs = Arc::clone(&gauge);
        let task = spawn(move || {
            theirs.add(1);
            theirs.sub(1);
        });
        gauge.add(1);
        gauge.sub(1);
        assert!(gauge.get() <= 1);
        task.join();
        assert_eq!(gauge.get(), 0);
        w.saw(["none", "one", "two"][gauge.high_water() as usize]);
        gauge.set(3);
        assert_eq!((gauge.get(), gauge.high_water()), (3, 3));
    });
}
