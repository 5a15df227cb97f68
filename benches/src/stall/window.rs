//! The windows of one queue.

use super::contestants::Run;
use super::freeze::Frozen;
use crate::queue::{End, Shape};
use crate::random::Random;
use crossbeam_utils::CachePadded;
use nix::sys::pthread::{Pthread, pthread_self};
use rustix::thread::gettid;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const WATCHED: Duration = Duration::from_millis(12);

/// Fewer calls than this: blocked.
const CALLS: u64 = 10;
/// Fewer transfers than this: starved.
const TRANSFERS: u64 = 300;

/// If the watched thread wanted a processor and had none for longer than this, the window says nothing
/// about the queue and is repeated.
const CROWDED: Duration = Duration::from_millis(3);

/// How often the watched thread is looked at.
const LOOK: Duration = Duration::from_micros(100);

pub(super) struct Trial {
    pub(super) windows: usize,
}

/// What was seen in all windows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) windows: usize,
    pub(super) blocked: usize,
    pub(super) starved: usize,
    /// Windows that others on the machine crowded or made too long, and that are not counted.
    pub(super) repeated: usize,
    pub(super) transfers: u64,
    pub(super) watched: Duration,
    /// The longest time for which the watched thread surely moved nothing, within a window.
    pub(super) longest_gap: Duration,
}

impl Shape<u64> for Trial {
    type Output = Run;

    fn of<E: End<u64>>(&self, end: E) -> Run {
        let windows = self.windows;
        Box::new(move || run(end, windows))
    }
}

/// What a thread has done so far.
#[derive(Default)]
struct Done {
    calls: AtomicU64,
    transfers: AtomicU64,
}

fn run<E: End<u64>>(end: E, windows: usize) -> Tally {
    let stop = AtomicBool::new(false);
    let done: [CachePadded<Done>; 2] = Default::default();
    let mut random = Random::new(u64::from(std::process::id()));
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let (frozen, watched) = (end.clone(), end);
        let ((who, thread), (whose, waits), stop) = (channel(), channel(), &stop);
        let [done_by_frozen, done_by_watched] = &done;
        scope.spawn(move || {
            who.send(pthread_self()).expect("the windows wait for it");
            churn(frozen, stop, done_by_frozen);
        });
        scope.spawn(move || {
            whose.send(Waits::of_this_thread()).expect("the windows wait for it");
            churn(watched, stop, done_by_watched);
        });
        let thread: Pthread = thread.recv().expect("it says who it is");
        let waits = waits.recv().expect("it says whose waits these are");
        // On a machine that is too crowded to measure on, this ends all the same.
        while tally.windows < windows && tally.repeated < 3 * windows {
            std::thread::sleep(Duration::from_micros(500 + random.below(2500) as u64));
            let frozen = Frozen::thread(thread);
            let waited = waits.total();
            let mut window = watch(done_by_watched, &frozen);
            while frozen.lasts()
                || done_by_watched.calls.load(Ordering::Relaxed) == window.last_call
            {
                std::thread::sleep(LOOK);
            }
            // A wait is booked when it ends, so this is told when the thread has run again.
            window.crowded = waits.total().saturating_sub(waited) > CROWDED;
            tally.add(&window);
        }
        stop.store(true, Ordering::Relaxed);
    });
    tally
}

/// Pushes and pops until told to stop.
fn churn(mut end: impl End<u64>, stop: &AtomicBool, done: &Done) {
    let (mut calls, mut transfers) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        end.push(7);
        calls += 1;
        done.calls.store(calls, Ordering::Relaxed);
        transfers += u64::from(end.pop().is_some());
        calls += 1;
        done.calls.store(calls, Ordering::Relaxed);
        done.transfers.store(transfers, Ordering::Relaxed);
    }
}

/// What was seen in one window.
struct Window {
    calls: u64,
    /// How many calls had returned at its end.
    last_call: u64,
    transfers: u64,
    longest_gap: Duration,
    length: Duration,
    /// The watched thread had to wait for a processor.
    crowded: bool,
    /// The other thread was frozen to the end.
    whole: bool,
}

fn watch(done: &Done, frozen: &Frozen) -> Window {
    let now = || (done.calls.load(Ordering::Relaxed), done.transfers.load(Ordering::Relaxed));
    let (calls, transfers) = now();
    let began = Instant::now();
    let (mut longest_gap, mut last, mut since) = (Duration::ZERO, transfers, began);
    while began.elapsed() < WATCHED {
        std::thread::sleep(LOOK);
        let (seen, at) = (now().1, Instant::now());
        if seen == last {
            // From the first look that saw this number to the last: a gap that is surely there.
            longest_gap = longest_gap.max(at - since);
        } else {
            (last, since) = (seen, at);
        }
    }
    let after = now();
    Window {
        calls: after.0 - calls,
        transfers: after.1 - transfers,
        longest_gap,
        length: began.elapsed(),
        last_call: after.0,
        crowded: false,
        whole: frozen.lasts(),
    }
}

impl Tally {
    fn add(&mut self, window: &Window) {
        // A crowded window in which the thread got through says as much as any other.
        let stuck = window.calls < CALLS || window.transfers < TRANSFERS;
        if window.crowded && stuck || !window.whole {
            self.repeated += 1;
            return;
        }
        self.windows += 1;
        if window.calls < CALLS {
            self.blocked += 1;
        } else if window.transfers < TRANSFERS {
            self.starved += 1;
        }
        self.transfers += window.transfers;
        self.watched += window.length;
        if !window.crowded {
            self.longest_gap = self.longest_gap.max(window.longest_gap);
        }
    }
}

/// How long a thread wanted a processor and had none, by the kernel's own account where it keeps one.
struct Waits(String);

impl Waits {
    fn of_this_thread() -> Self {
        Self(format!("/proc/self/task/{}/schedstat", gettid().as_raw_nonzero()))
    }

    /// 0 where nothing is known.
    fn total(&self) -> Duration {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let waited = text.split_whitespace().nth(1).and_then(|ns| ns.parse().ok());
        Duration::from_nanos(waited.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, WATCHED, Window};
    use std::time::Duration;

    fn window(calls: u64, transfers: u64, crowded: bool) -> Window {
        let longest_gap = Duration::from_millis(1);
        Window {
            calls,
            last_call: calls,
            transfers,
            longest_gap,
            length: WATCHED,
            crowded,
            whole: true,
        }
    }

    #[test]
    fn a_window_is_blocked_or_starved_or_neither() {
        let mut tally = Tally::default();
        for (calls, transfers) in [(3, 1), (5000, 200), (5000, 2500)] {
            tally.add(&window(calls, transfers, false));
        }
        assert_eq!((tally.blocked, tally.starved, tally.repeated), (1, 1, 0));
    }

    #[test]
    fn a_crowded_window_is_repeated_unless_the_thread_got_through() {
        let mut tally = Tally::default();
        tally.add(&window(0, 0, true));
        tally.add(&window(5000, 2500, true));
        assert_eq!((tally.blocked, tally.starved, tally.repeated), (0, 0, 1));
    }

    #[test]
    fn a_window_that_outlasted_the_freeze_is_repeated() {
        let mut tally = Tally::default();
        tally.add(&Window { whole: false, ..window(5000, 2500, false) });
        assert_eq!((tally.windows, tally.repeated), (0, 1));
    }
}
