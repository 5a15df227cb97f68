use super::{CancelCause, CancelToken};
use crate::sync::thread;
use crate::time::Clock;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Wake, Waker};

/// Nodes and callbacks of the token's tree.
fn counts(token: &CancelToken) -> (usize, usize) {
    token.0.tree.lock().counts()
}

#[test]
fn cancel_reaches_all_below_and_nothing_else() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let leaf = left.child();
    assert!(left.cancel());
    assert_eq!(left.cause(), Some(CancelCause::Own));
    assert_eq!(leaf.cause(), Some(CancelCause::Parent));
    assert_eq!((root.cause(), right.cause()), (None, None));
    assert!(root.cancel());
    assert_eq!(right.cause(), Some(CancelCause::Parent));
    assert_eq!(left.cause(), Some(CancelCause::Own), "the first cause stays");
    assert!(!root.cancel() && !leaf.cancel(), "a second cancel does nothing");
}

#[test]
fn a_child_of_a_cancelled_token_is_born_cancelled() {
    let root = CancelToken::new();
    root.cancel();
    let child = root.child();
    assert_eq!(child.cause(), Some(CancelCause::Parent));
    assert!(child.child().is_cancelled());
    assert_eq!(counts(&root).0, 1);
}

#[test]
fn a_cancel_passes_a_dropped_token_in_between() {
    let root = CancelToken::new();
    let middle = root.child();
    let (one, two) = (middle.child(), middle.child());
    drop(middle);
    assert_eq!(counts(&root).0, 4, "the relay joins two");
    drop(two);
    assert_eq!(counts(&root).0, 2, "with one child it is not needed");
    root.cancel();
    assert_eq!(one.cause(), Some(CancelCause::Parent));
}

#[test]
fn dropped_children_leave_no_garbage() {
    let root = CancelToken::new();
    for _ in 0..10_000 {
        let child = root.child();
        drop(child.child());
    }
    assert_eq!(counts(&root), (1, 0));
    let many: Vec<_> = (0..100).map(|_| root.child()).collect();
    assert_eq!(counts(&root).0, 101);
    drop(many);
    assert_eq!(counts(&root), (1, 0));
}

#[test]
fn a_chain_does_not_keep_its_dropped_ancestors() {
    let mut token = CancelToken::new();
    for _ in 0..10_000 {
        token = token.child();
    }
    assert_eq!(counts(&token), (1, 0));
    let sibling = token.child();
    let second = token.child();
    drop(token);
    assert_eq!(counts(&second).0, 3);
    drop(sibling);
    assert_eq!(counts(&second).0, 1);
    assert!(second.cancel());
}

#[test]
fn a_chain_of_ten_thousand_levels_cancels_and_drops() {
    let mut chain = vec![CancelToken::new()];
    for level in 0..10_000 {
        chain.push(chain[level].child());
    }
    chain[0].cancel();
    assert!(chain.iter().all(CancelToken::is_cancelled));
    let last = chain.pop().unwrap();
    drop(chain);
    assert_eq!(counts(&last).0, 1);
}

#[test]
fn callbacks_run_once_in_order_unless_taken_back() {
    let root = CancelToken::new();
    let child = root.child();
    let (sender, calls) = mpsc::channel();
    let note = |n: u32| {
        let sender = sender.clone();
        move || sender.send(n).unwrap()
    };
    let below = child.on_cancel(note(3));
    let first = root.on_cancel(note(1));
    let second = root.on_cancel(note(2));
    drop(root.on_cancel(note(9)));
    assert_eq!(counts(&root).1, 3);
    root.cancel();
    root.cancel();
    child.cancel();
    assert_eq!(Vec::from_iter(calls.try_iter()), [1, 2, 3]);
    let late = child.on_cancel(note(4));
    assert_eq!(calls.try_recv(), Ok(4), "called at once");
    drop((below, first, second, late));
    assert_eq!(calls.try_iter().count(), 0);
    assert_eq!(counts(&root).1, 0);
}

#[test]
fn a_registration_holds_its_callback_after_the_token_was_dropped() {
    let root = CancelToken::new();
    let (sender, calls) = mpsc::channel();
    let registration = root.child().on_cancel(move || sender.send(()).unwrap());
    assert_eq!(counts(&root), (2, 1));
    root.cancel();
    assert_eq!(calls.try_recv(), Ok(()));
    drop(registration);
    assert_eq!(counts(&root), (1, 0));
}

#[test]
fn a_callback_that_panics_does_not_stop_the_others() {
    let root = CancelToken::new();
    let (sender, calls) = mpsc::channel();
    let _broken = root.on_cancel(|| panic!("broken callback"));
    let _sound = root.on_cancel(move || sender.send(()).unwrap());
    assert!(root.cancel());
    assert_eq!(calls.try_recv(), Ok(()));
    let _at_once = root.on_cancel(|| panic!("broken callback"));
}

#[test]
fn a_callback_may_do_anything_with_tokens() {
    let root = CancelToken::new();
    let other = root.child();
    let victim = CancelToken::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |ran: &Arc<AtomicUsize>| {
        let ran = Arc::clone(ran);
        move || {
            ran.fetch_add(1, Ordering::SeqCst);
        }
    };
    let dropped_inside = victim.on_cancel(count(&ran));
    let (own, of_victim, below) = (root.clone(), victim.clone(), count(&ran));
    let registration = root.on_cancel(move || {
        assert!(own.is_cancelled() && !own.cancel());
        assert!(own.child().is_cancelled());
        drop(own.on_cancel(below));
        drop(dropped_inside);
        assert!(of_victim.cancel());
        drop(other);
        drop(own);
    });
    root.cancel();
    assert!(victim.is_cancelled());
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    drop(registration);
}

#[test]
fn a_registration_drops_while_its_callback_runs() {
    let root = CancelToken::new();
    let (begun, wait_begun) = mpsc::channel();
    let (release, wait_release) = mpsc::channel::<()>();
    let registration = root.on_cancel(move || {
        begun.send(()).unwrap();
        wait_release.recv().unwrap();
    });
    let canceller = root.clone();
    let thread = thread::spawn("canceller", move || canceller.cancel()).unwrap();
    wait_begun.recv().unwrap();
    drop(registration);
    assert!(root.is_cancelled());
    release.send(()).unwrap();
    assert!(thread.join().unwrap());
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn everyone_who_waits_is_woken() {
    let root = CancelToken::new();
    let child = root.child();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let (mut one, mut two, mut below) =
        (pin!(root.cancelled()), pin!(root.cancelled()), pin!(child.cancelled()));
    assert!(one.as_mut().poll(&mut context).is_pending());
    assert!(two.as_mut().poll(&mut context).is_pending());
    assert!(below.as_mut().poll(&mut context).is_pending());
    root.cancel();
    assert_eq!(count.0.load(Ordering::SeqCst), 3);
    assert!(one.poll(&mut context).is_ready());
    assert!(two.poll(&mut context).is_ready());
    assert!(below.poll(&mut context).is_ready());
}

#[test]
fn a_thread_that_waits_is_woken_by_another() {
    let token = CancelToken::new();
    let canceller = token.child();
    let parent = token.clone();
    let thread = thread::spawn("canceller", move || parent.cancel()).unwrap();
    Clock::monotonic().block_on(canceller.cancelled());
    assert!(thread.join().unwrap());
}

#[test]
fn children_and_callbacks_made_during_a_cancel_are_never_missed() {
    for _ in 0..200 {
        let root = CancelToken::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let start = Arc::new(Barrier::new(3));
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let (root, calls, start) = (root.clone(), Arc::clone(&calls), Arc::clone(&start));
                thread::spawn("maker", move || {
                    start.wait();
                    let made = (0..20).map(|_| {
                        let (child, calls) = (root.child(), Arc::clone(&calls));
                        let note = move || {
                            calls.fetch_add(1, Ordering::SeqCst);
                        };
                        let registration = child.on_cancel(note);
                        (child, registration)
                    });
                    Vec::from_iter(made)
                })
                .unwrap()
            })
            .collect();
        start.wait();
        assert!(root.cancel());
        let made: Vec<_> = makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect();
        assert!(made.iter().all(|(child, _)| child.cause() == Some(CancelCause::Parent)));
        assert_eq!(calls.load(Ordering::SeqCst), 40);
    }
}
