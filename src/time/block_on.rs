//! The one place where a thread blocks on a future.

use super::{Clock, Deadline};
use crate::sync::Parker;
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A parker with its waker, kept by the thread from one wait to the next.
struct Seat {
    parker: Parker,
    waker: Waker,
}

thread_local! {
    /// Empty while a wait of this thread uses it: a wait inside a wait makes a seat of its own.
    static SEAT: Cell<Option<Seat>> = const { Cell::new(None) };
}

impl Seat {
    fn new() -> Self {
        let parker = Parker::new();
        let waker = parker.unparker().waker();
        Self { parker, waker }
    }

    /// The threads of a loom model share one thread of the system, so there nothing is cached.
    fn take() -> Self {
        let cached = if cfg!(loom) { None } else { SEAT.try_with(Cell::take).ok().flatten() };
        cached.unwrap_or_else(Self::new)
    }

    /// A waker of the wait that ended may still notify: the next wait then polls once in vain.
    fn give_back(self) {
        if !cfg!(loom) {
            // A thread that is ending has no place for it any more; then it is dropped.
            SEAT.try_with(|seat| seat.set(Some(self))).unwrap_or_default();
        }
    }
}

impl Clock {
    /// Blocks the calling thread until `future` is ready.
    ///
    /// # Panics
    ///
    /// If `future` panics; on an automatic [`TestClock`](super::TestClock) as [`park`](Self::park) does.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        loop_until_ready(self, future, Deadline::NEVER).unwrap_or_else(|| {
            unreachable!("a wait without a deadline ended before its future was ready")
        })
    }

    /// Blocks the calling thread until `future` is ready or `deadline` has passed; `None` for the latter.
    ///
    /// The future is polled at least once, and once more after the deadline, so what is ready by then is
    /// returned. A future that wakes itself for ever does not hold the deadline up.
    ///
    /// # Panics
    ///
    /// If `future` panics; on an automatic [`TestClock`](super::TestClock) as [`park`](Self::park) does.
    pub fn block_on_deadline<F: Future>(&self, future: F, deadline: Deadline) -> Option<F::Output> {
        loop_until_ready(self, future, deadline)
    }

    /// As [`block_on`](Self::block_on), polling the future also whenever `until` has passed, which is asked anew
    /// before each sleep. The thread looks for a wake-up for up to `spin` each time before it sleeps.
    ///
    /// # Panics
    ///
    /// As [`block_on`](Self::block_on).
    pub fn drive<F: Future>(
        &self,
        future: F,
        spin: Duration,
        mut until: impl FnMut() -> Deadline,
    ) -> F::Output {
        let mut future = pin!(future);
        let seat = Seat::take();
        let mut context = Context::from_waker(&seat.waker);
        let output = loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                break output;
            }
            if self.spin(spin, || seat.parker.take().then_some(())).is_none() {
                self.park(&seat.parker, until());
            }
        };
        seat.give_back();
        output
    }
}

fn loop_until_ready<F: Future>(clock: &Clock, future: F, deadline: Deadline) -> Option<F::Output> {
    let mut future = pin!(future);
    let seat = Seat::take();
    let mut context = Context::from_waker(&seat.waker);
    let mut last = false;
    let outcome = loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            break Some(value);
        }
        if last {
            break None;
        }
        let notified = clock.park(&seat.parker, deadline);
        last = !notified || (!deadline.is_never() && deadline.is_past(clock.now()));
    };
    seat.give_back();
    outcome
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::TestClock;
    use super::{Clock, Deadline};
    use crate::sync::thread;
    use std::future::{self, poll_fn};
    use std::sync::mpsc;
    use std::task::{Poll, Waker};
    use std::time::Duration;

    #[test]
    fn a_ready_future_returns_at_once_even_past_its_deadline() {
        let clock = TestClock::new();
        clock.advance(Duration::from_secs(1));
        let past = Deadline::from_word(1);
        assert_eq!(clock.block_on(future::ready(5)), 5);
        assert_eq!(clock.block_on_deadline(future::ready(6), past), Some(6));
        assert_eq!(clock.block_on_deadline(future::pending::<u8>(), past), None);
    }

    #[test]
    fn a_future_that_another_thread_wakes_is_polled_again() {
        let clock = Clock::monotonic();
        let (wakers, woken) = mpsc::channel::<Waker>();
        let helper = thread::spawn("helper", move || woken.recv().map(Waker::wake)).unwrap();
        let mut polls = 0;
        let value = clock.block_on(poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                wakers.send(context.waker().clone()).unwrap();
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }));
        assert_eq!(value, 2);
        helper.join().unwrap().unwrap();
    }

    #[test]
    fn a_wait_inside_a_wait_does_not_steal_its_notification() {
        let clock = Clock::monotonic();
        let mut polls = 0;
        let value = clock.block_on(poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                context.waker().wake_by_ref();
                let inner = poll_fn(|inner| {
                    assert!(!inner.waker().will_wake(context.waker()));
                    Poll::Ready(())
                });
                Clock::monotonic().block_on(inner);
                let soon = Deadline::after(clock.now(), Duration::from_nanos(1));
                let none = clock.block_on_deadline(future::pending::<()>(), soon);
                assert_eq!(none, None);
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }));
        assert_eq!(value, 2);
    }

    #[test]
    fn a_future_that_always_wakes_itself_does_not_outlive_its_deadline() {
        let clock = TestClock::new();
        let deadline = Deadline::after(clock.now(), Duration::from_millis(3));
        let never: Option<()> = clock.block_on_deadline(
            poll_fn(|context| {
                clock.advance(Duration::from_millis(1));
                context.waker().wake_by_ref();
                Poll::Pending
            }),
            deadline,
        );
        assert_eq!(never, None);
        assert_eq!(clock.now().as_nanos(), 4_000_000);
    }

    #[test]
    fn a_value_that_came_with_the_deadline_is_not_lost() {
        let clock = TestClock::automatic();
        let _thread = clock.register_thread().enter();
        let deadline = Deadline::after(clock.now(), Duration::from_secs(1));
        let value = clock.block_on_deadline(
            poll_fn(|_| if deadline.is_past(clock.now()) { Poll::Ready(9) } else { Poll::Pending }),
            deadline,
        );
        assert_eq!(value, Some(9));
    }

    #[test]
    fn the_thread_is_usable_after_a_future_panicked() {
        let clock = Clock::monotonic();
        let broken = std::panic::catch_unwind(|| {
            clock.block_on(poll_fn(|_| -> Poll<()> { panic!("broken") }))
        });
        assert!(broken.is_err());
        assert_eq!(clock.block_on(future::ready(1)), 1);
    }
}
