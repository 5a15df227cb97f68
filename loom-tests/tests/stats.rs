//! Counters and histograms: a reading is never ahead of what it depends on.
#![cfg(loom)]

use bifrost::stats::{Blocks, Count, Gauge, Histogram, Seat, Seats};
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

/// The same in a shard with one owner, with the histograms.
#[test]
fn blocks_own() {
    let model = Model::new("blocks_own").floor(100).witness("nothing").witness("submitted");
    model.witness("started").witness("ended").run(|w| {
        let blocks = Arc::new(Blocks::new());
        let theirs = Arc::clone(&blocks);
        let task = spawn(move || {
            let seats = Seats::default();
            let seat = seats.take(true).expect("nobody else sits");
            let own = theirs.recorder_at(seat);
            own.add(Count::Submitted, 1);
            own.record_wait(5);
            own.add(Count::Started, 1);
            own.end(Count::Completed, true);
        });
        let ledger = blocks.ledger();
        assert_eq!(ledger.check_order(), Ok(()));
        let wait = blocks.wait();
        assert!(ledger.started() <= wait.count());
        assert!(wait.count() == 0 || (wait.max(), wait.sum()) == (5, 5));
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

/// Two threads that have the same seat one after the other lose no record of each other's.
#[test]
fn seat_leave() {
    let model = Model::new("seat_leave").floor(60).witness("taken over").witness("shared");
    model.run(|w| {
        let shared = Arc::new((Blocks::new(), Seats::default()));
        let record = |(blocks, seats): &(Blocks, Seats)| match seats.take(true) {
            Some(seat) => {
                blocks.recorder_at(seat).add(Count::Submitted, 1);
                blocks.recorder_at(seat).record_run(3);
                seats.leave(seat);
                true
            }
            None => {
                blocks.recorder_at(Seat::SHARED).add(Count::Submitted, 1);
                blocks.recorder_at(Seat::SHARED).record_run(3);
                false
            }
        };
        let theirs = Arc::clone(&shared);
        let task = spawn(move || record(&theirs));
        let mine = record(&shared);
        w.saw(if task.join() && mine { "taken over" } else { "shared" });
        assert_eq!(shared.0.get(Count::Submitted), 2);
        assert_eq!((shared.0.run().count(), shared.0.run().sum()), (2, 6));
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
