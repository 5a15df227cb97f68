//! `bifrost demo` tells the truth: 0 when the healthy provider did not notice, 1 when it was the one that broke.

mod support;

use support::bifrost;

#[test]
fn the_demo_ends_with_both_tables_and_balanced_ledgers() {
    let end = bifrost(&["demo", "--load-ms", "1500"]);
    assert_eq!(end.status, 0, "{}\n{}", end.out, end.err);
    let row = |text: &str| {
        let line = end.out.lines().rev().find(|line| line.starts_with(text)).expect("a row");
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("healthy  ")[1..4], ["150", "150", "(100%)"]);
    let ledgers: Vec<_> = end.out.lines().filter(|line| line.contains(" submitted ")).collect();
    assert_eq!(ledgers.len(), 4, "{}", end.out);
    assert!(ledgers.iter().all(|line| line.ends_with(": balanced")), "{ledgers:?}");
    assert!(end.out.ends_with("and every ledger balances.\n"), "{}", end.out);
}

#[test]
fn a_broken_healthy_provider_is_told_by_the_exit_status() {
    let end = bifrost(&["demo", "--load-ms", "1500", "--breaks", "healthy"]);
    assert_eq!(end.status, 1, "{}\n{}", end.out, end.err);
    assert!(end.err.contains("jobs of the healthy provider completed"), "{}", end.err);
    assert!(!end.out.contains("every ledger balances"), "{}", end.out);
}
