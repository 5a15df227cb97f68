//! Waiting for a point of time as a future.

use super::wheel::TimerKey;
use super::{Clock, Deadline, Instant};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A future that is ready when its clock has reached an instant; made by [`Clock::sleep`].
///
/// A clock has no thread of its own: a sleep ends while a runtime that was built with this clock lives,
/// whose tick fires it (or while something else calls [`Clock::fire_timers`]). It is never early, and late
/// by no more than the driver's turn.
///
/// # Cancel safety
///
/// Dropping it before it is ready takes it out of the clock; nothing is left behind.
#[derive(Debug)]
#[must_use = "a future does nothing unless polled"]
pub struct Sleep {
    clock: Clock,
    until: Instant,
    key: Option<TimerKey>,
}

impl Clock {
    /// A future that is ready once `duration` has passed from now. See [`Sleep`] for who wakes it.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// A future that is ready once the clock has reached `instant`; never, if that is the last one.
    pub fn sleep_until(&self, instant: Instant) -> Sleep {
        Sleep { clock: self.clone(), until: instant, key: None }
    }
}

impl Sleep {
    /// The instant that it waits for.
    pub fn until(&self) -> Instant {
        self.until
    }

    fn deregister(&mut self) {
        if let Some(key) = self.key.take() {
            self.clock.timers().cancel(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = Deadline::at(self.until);
        if deadline.is_past(self.clock.now()) {
            self.deregister();
            return Poll::Ready(());
        }
        let timers = self.clock.timers();
        let registered = self.key.is_some_and(|key| timers.replace(key, context.waker()));
        if !registered && !deadline.is_never() {
            self.key = Some(timers.insert(self.until, context.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.deregister();
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use crate::sync::{Arc, Parker, thread};
    use crate::time::{Deadline, Instant, TestClock};
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn flag() -> (Arc<Flag>, Waker) {
        let flag = Arc::new(Flag::default());
        (Arc::clone(&flag), Waker::from(flag))
    }

    #[test]
    fn a_sleep_is_ready_at_its_instant_and_not_before() {
        let clock = TestClock::new();
        let (woken, waker) = flag();
        let mut context = Context::from_waker(&waker);
        let mut sleep = pin!(clock.sleep(SECOND));
        assert_eq!(sleep.until(), Instant::ZERO + SECOND);
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(SECOND - Duration::from_nanos(1));
        assert_eq!(clock.fire_timers(clock.now()), Deadline::at(Instant::ZERO + SECOND));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        assert!(!woken.0.load(Ordering::SeqCst));
        clock.advance(Duration::from_nanos(1));
        assert_eq!(clock.fire_timers(clock.now()), Deadline::NEVER);
        assert!(woken.0.load(Ordering::SeqCst));
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
        let clock = TestClock::new();
        let ((first, first_waker), (second, second_waker)) = (flag(), flag());
        let mut sleep = pin!(clock.sleep(SECOND));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&second_waker)).is_pending());
        assert_eq!(clock.timers().len(), 1);
        clock.advance(SECOND);
        clock.fire_timers(clock.now());
        assert!(!first.0.load(Ordering::SeqCst));
        assert!(second.0.load(Ordering::SeqCst));
    }

    #[test]
    fn a_dropped_sleep_leaves_nothing_in_the_clock() {
        let clock = TestClock::new();
        let (woken, waker) = flag();
        let mut sleep = Box::pin(clock.sleep(SECOND));
        assert_eq!(clock.timers().len(), 0, "registered by the first poll only");
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(clock.timers().len(), 1);
        drop(sleep);
        assert_eq!(clock.timers().len(), 0);
        clock.advance(SECOND);
        assert_eq!(clock.fire_timers(clock.now()), Deadline::NEVER);
        assert!(!woken.0.load(Ordering::SeqCst));
        assert_eq!(Arc::strong_count(&woken), 2);
    }

    #[test]
    fn a_sleep_that_was_fired_too_early_sleeps_on() {
        let clock = TestClock::new();
        let (woken, waker) = flag();
        let mut context = Context::from_waker(&waker);
        let mut sleep = pin!(clock.sleep(SECOND));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.fire_timers(Instant::ZERO + SECOND * 2);
        woken.0.store(false, Ordering::SeqCst);
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(SECOND);
        clock.fire_timers(clock.now());
        assert!(woken.0.load(Ordering::SeqCst));
    }

    #[test]
    fn a_sleep_without_end_is_not_registered() {
        let clock = TestClock::new();
        let mut sleep = pin!(clock.sleep(Duration::MAX));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(clock.timers().len(), 0);
    }

    #[test]
    fn a_driver_thread_wakes_the_sleep_of_another_thread() {
        let clock = TestClock::automatic();
        let entered = clock.register_thread().enter();
        let registration = clock.register_thread();
        let driving = clock.clock();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn("driver", move || {
            let _entered = registration.enter();
            let parker = Parker::new();
            let unparker = parker.unparker();
            sender.send(unparker.clone()).unwrap();
            let _driver = driving.set_timer_driver(Arc::new(move || unparker.unpark()));
            while !stopped.load(Ordering::SeqCst) {
                driving.park(&parker, driving.fire_timers(driving.now()));
            }
        })
        .unwrap();
        let driver = receiver.recv().unwrap();
        for n in 1..=50 {
            clock.block_on(clock.sleep(SECOND));
            assert_eq!(clock.now(), Instant::ZERO + SECOND * n);
        }
        stop.store(true, Ordering::SeqCst);
        drop(entered);
        driver.unpark();
        thread.join().unwrap();
    }
}
