//! The check of histories passes what can be explained and nothing else.

use stress_tests::bounded::{Answer, Bounded, Op};
use stress_tests::faulty::{FAULTS, Fault, Faulty};
use stress_tests::linear::{Call, check, overlaps};
use stress_tests::window::{Offer, Plan, run};

type History = Vec<Call<Op, Answer>>;

/// A call of `thread` from stamp `invoked` to stamp `returned`.
fn call(thread: usize, invoked: u64, returned: u64, op: Op, answer: Answer) -> Call<Op, Answer> {
    Call { thread, op, answer, invoked, returned }
}

/// Calls of one thread, each after the other.
fn in_turn(calls: &[(Op, Answer)]) -> History {
    let stamped = calls.iter().zip((0..).step_by(2));
    stamped.map(|(&(op, answer), at)| call(0, at, at + 1, op, answer)).collect()
}

#[track_caller]
fn explained(capacity: usize, history: &[Call<Op, Answer>]) {
    if let Err(violation) = check(&Bounded { capacity }, history) {
        panic!("{violation}");
    }
}

#[track_caller]
fn refuted(capacity: usize, history: &[Call<Op, Answer>], reason: &str) {
    let violation = check(&Bounded { capacity }, history).expect_err("no order explains it");
    assert!(violation.reason().contains(reason), "{violation}");
}

#[test]
fn calls_in_turn_must_answer_as_the_queue_would() {
    use Answer::{Closed, Declined, Empty, Full, Is, Nothing, Popped, Pushed, Replaced};
    let right = [
        (Op::Pop, Empty),
        (Op::IsEmpty, Is(true)),
        (Op::Push(1), Pushed),
        (Op::PopIf, Declined),
        (Op::Reap, Nothing),
        (Op::Push(2), Pushed),
        (Op::Push(3), Full),
        (Op::ForcePush(4), Replaced(Some(1))),
        (Op::PopIf, Popped(2)),
        (Op::IsClosed, Is(false)),
        (Op::Close, Is(true)),
        (Op::Close, Is(false)),
        (Op::Push(5), Closed),
        (Op::ForcePush(5), Closed),
        (Op::Reap, Popped(4)),
        (Op::Pop, Closed),
        (Op::PopIf, Closed),
        (Op::IsEmpty, Is(true)),
    ];
    explained(2, &in_turn(&right));
    for i in 0..right.len() {
        let mut wrong = right;
        wrong[i].1 = if right[i].1 == Is(true) { Is(false) } else { Is(true) };
        refuted(2, &in_turn(&wrong), &format!("found for {i} of 18 calls"));
    }
}

#[test]
fn calls_that_overlap_may_have_happened_in_either_order() {
    let push = |n, from, to| call(n as usize, from, to, Op::Push(n), Answer::Pushed);
    let pop = |n, from, to| call(9, from, to, Op::Pop, Answer::Popped(n));
    let either = [push(1, 0, 3), push(2, 1, 2), pop(2, 4, 5), pop(1, 6, 7)];
    explained(2, &either);
    assert_eq!(overlaps(&either), 1);
    // Apart, the first that came in is the first to come out.
    refuted(
        2,
        &[push(1, 0, 1), push(2, 2, 3), pop(2, 4, 5), pop(1, 6, 7)],
        "would return Popped(1)",
    );
    // A pop that began before the push may have waited for it; one that ended before cannot.
    explained(2, &[pop(1, 0, 3), push(1, 1, 2)]);
    refuted(2, &[pop(1, 0, 1), push(1, 2, 3)], "would return Empty");
}

#[test]
fn full_and_empty_must_be_true_at_some_moment_of_the_call() {
    let push = |n, from, to, answer| call(n as usize, from, to, Op::Push(n), answer);
    let pop = |from, to, answer| call(9, from, to, Op::Pop, answer);
    let fills = push(1, 0, 1, Answer::Pushed);
    explained(1, &[fills.clone(), pop(2, 5, Answer::Popped(1)), push(2, 3, 4, Answer::Full)]);
    refuted(
        1,
        &[fills.clone(), pop(2, 3, Answer::Popped(1)), push(2, 4, 5, Answer::Full)],
        "would return Pushed",
    );
    // The classic one: the second push is done while the first still writes, and the pop sees a hole.
    refuted(
        2,
        &[push(1, 0, 7, Answer::Pushed), push(2, 1, 2, Answer::Pushed), pop(3, 4, Answer::Empty)],
        "would return Popped",
    );
}

#[test]
fn nothing_enters_after_a_close() {
    let close = call(0, 0, 3, Op::Close, Answer::Is(true));
    let push = |from, to| call(1, from, to, Op::Push(1), Answer::Pushed);
    let pop = |from, to| call(2, from, to, Op::Pop, Answer::Popped(1));
    explained(2, &[close.clone(), push(1, 2), pop(4, 5)]);
    refuted(2, &[close.clone(), push(4, 5), pop(6, 7)], "would return Closed");
    // Whoever was told Closed, was told that nothing comes.
    let told = call(2, 1, 2, Op::Pop, Answer::Closed);
    refuted(2, &[close, told, push(4, 5)], "would return Closed");
}

#[test]
fn a_number_comes_out_once() {
    let push = call(0, 0, 1, Op::Push(1), Answer::Pushed);
    let pop = |thread, answer| call(thread, 2, 3 + thread as u64, Op::Pop, answer);
    explained(1, &[push.clone(), pop(1, Answer::Popped(1)), pop(2, Answer::Empty)]);
    refuted(1, &[push.clone(), pop(1, Answer::Popped(1)), pop(2, Answer::Popped(1))], "Empty");
    refuted(1, &[push, pop(1, Answer::Empty), pop(2, Answer::Empty)], "Popped(1)");
}

#[test]
fn a_violation_prints_the_history_and_the_reason() {
    let history = in_turn(&[(Op::Push(7), Answer::Pushed), (Op::Pop, Answer::Empty)]);
    let text = check(&Bounded { capacity: 1 }, &history).expect_err("7 is lost").to_string();
    assert_eq!(
        text,
        "not linearizable:\n  \
         [   0    1] thread 0  Push(7) -> Pushed\n  \
         [   2    3] thread 0  Pop -> Empty\n\
         an order was found for 1 of 2 calls; then the state is Held { items: [7], closed: false }, and \
         next could come\n  \
         [   2    3] thread 0  Pop -> Empty: would return Popped(7)\n"
    );
}

#[test]
fn a_queue_without_a_fault_passes() {
    let plan = Plan { seed: 3, capacity: 3, windows: 500, offer: Offer::PopIf, exact: true };
    let seen = run(plan, |capacity| Faulty::new(capacity, Fault::None));
    assert_eq!(seen.expect("nothing is wrong with it").windows, 500);
}

#[test]
fn each_known_fault_is_found_and_told() {
    for fault in FAULTS {
        let plan = Plan { seed: 4, capacity: 3, windows: 2000, offer: Offer::PopIf, exact: true };
        let found = run(plan, |capacity| Faulty::new(capacity, fault));
        let violation = found.expect_err(&format!("{fault:?} goes unnoticed"));
        assert!(violation.starts_with("seed 4, capacity 3, window "), "{violation}");
        assert!(violation.contains("next could come"), "{violation}");
    }
}
