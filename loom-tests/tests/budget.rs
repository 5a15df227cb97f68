//! `RetryBudget`: whoever withdraws, no token is given twice and no request pays twice.
#![cfg(loom)]

use bifrost::state::RetryBudget;
use bifrost::time::Instant;
use loom_tests::{Model, spawn};
use std::sync::Arc;

const NOW: Instant = Instant::from_nanos(10);

#[test]
fn budget_last_token() {
    let model = Model::new("budget_last_token").floor(130).spurious(1);
    model.witness("own").witness("other").run(|w| {
        let budget = Arc::new(RetryBudget::new(20, 1, 0));
        let theirs = Arc::clone(&budget);
        let other = spawn(move || theirs.withdraw(0, NOW));
        let own = budget.withdraw(0, NOW);
        assert!(other.join() != own, "one of both gets it");
        w.saw(if own { "own" } else { "other" });
        assert_eq!(budget.available(0, NOW), 0);
    });
}

/// Two tokens, three who want one.
#[test]
fn budget_three() {
    let model = Model::new("budget_three").floor(38000);
    model.witness("own").witness("first").witness("second").run(|w| {
        let budget = Arc::new(RetryBudget::new(20, 2, 0));
        let [first, second] = [(); 2].map(|()| {
            let budget = Arc::clone(&budget);
            spawn(move || budget.withdraw(0, NOW))
        });
        let own = budget.withdraw(0, NOW);
        w.saw(match (own, first.join(), second.join()) {
            (false, true, true) => "own",
            (true, false, true) => "first",
            (true, true, false) => "second",
            _ => "not two of three",
        });
    });
}

/// The tick and two who withdraw have read different counts of the requests: five are worth a token.
#[test]
fn budget_pays_once() {
    let model = Model::new("budget_pays_once").floor(1700);
    model.witness("early").witness("late").witness("none").run(|w| {
        let budget = Arc::new(RetryBudget::new(20, 0, 0));
        let (ticked, theirs) = (Arc::clone(&budget), Arc::clone(&budget));
        let tick = spawn(move || ticked.settle(5, NOW));
        let late = spawn(move || theirs.withdraw(4, NOW));
        let early = budget.withdraw(3, NOW);
        tick.join();
        let late = late.join();
        assert!(!(early && late), "a token too many");
        w.saw(match (early, late) {
            (true, _) => "early",
            (_, true) => "late",
            _ => "none",
        });
        assert_eq!(budget.available(9, NOW), u64::from(!(early || late)));
    });
}

/// The tick finds that another has withdrawn meanwhile: what it would have paid is paid by the next one.
#[test]
fn budget_settle() {
    let model = Model::new("budget_settle").floor(42).witness("paid").witness("left to the next");
    model.run(|w| {
        let budget = Arc::new(RetryBudget::new(20, 1, 0));
        let ticked = Arc::clone(&budget);
        let tick = spawn(move || ticked.settle(5, NOW));
        assert!(budget.withdraw(0, NOW), "the first one needs no request");
        tick.join();
        w.saw(if budget.available(0, NOW) == 1 { "paid" } else { "left to the next" });
        assert_eq!(budget.available(5, NOW), 1);
        assert!(budget.withdraw(5, NOW) && !budget.withdraw(5, NOW));
    });
}
