//! Whether an upstream has become slow because it has too much to do (S31).
//!
//! Algorithm: the median of a window of 50 samples is held against the least median of the last 120 windows,
//! the *base*. Twice the base is a *soft* sign of too much, for upstreams that never say 429. Two things keep
//! the base honest:
//!
//! - every 60 windows one is measured at half the limit (a *probe*), or a queue that stands for 120 windows
//!   would pass for the upstream's own latency, and the limit would grow for ever. A probe that was much
//!   faster than the window before it has shown a queue, and by Little's law where it begins: the limit goes
//!   there and not back. While latency is within a quarter of the base a probe has little to show, costs
//!   half a window's work, and is made every 240 windows only;
//! - five cuts in a row that have not made the median a fifth shorter show that the limit is not the cause:
//!   the upstream is slower than it was. The cuts are taken back, and its latency is the new base.
//!
//! A window lasts at least as many jobs as the limit has places (above 50, only every so many is sampled), so
//! that each window shows what the limit of its time does.
//!
//! | state | meaning | next |
//! |---|---|---|
//! | free | nobody judges | taken by whoever ends a window |
//! | taken | one thread judges; a window that ends meanwhile is not judged | free |
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `latency.turn` | the store that frees the judgement | the exchange that takes it | medians, cuts and the limit to restore |
//!
//! Progress: wait-free. A sample costs two additions and a store, the end of a window a sort of 50.
//!
//! Models: `latency_turn`. Under loom a window is one sample and the base that of two windows.

use std::time::Duration;

use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Samples a window.
const SAMPLES: usize = if cfg!(loom) { 1 } else { 50 };
/// Windows that the base is the least of.
const WINDOWS: usize = if cfg!(loom) { 2 } else { 120 };
/// Windows between two probes.
const PROBE_EVERY: u64 = 60;
/// The same, while the median is within a quarter of the base.
const IDLE_PROBE_EVERY: u64 = 240;
/// Windows to the next probe after one that has shown a queue.
const NEXT_PROBE: u64 = 10;
/// Soft cuts in a row after which the base is doubted.
const CUTS: u64 = 5;

/// What the end of a window says about the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may stay.
    Stay,
    /// It is too high.
    Cut,
    /// The next window is measured at half of it.
    Probe,
    /// A probe is over, or cuts had no effect: it is this, if it is less.
    Restore(u16),
}

/// The samples of the running window, and the medians of those before.
#[derive(Debug)]
pub struct SoftSignal {
    /// Jobs that could have been sampled.
    seen: CachePadded<AtomicU64>,
    taken: AtomicU64,
    samples: [AtomicU64; SAMPLES],
    is_judged: AtomicBool,
    /// Of the judge, all that follow.
    medians: [AtomicU64; WINDOWS],
    judged: AtomicU64,
    since_probe: AtomicU64,
    cuts: AtomicU64,
    /// Where the cuts in a row began: median and limit.
    first_median: AtomicU64,
    first_limit: AtomicU64,
    /// The limit that a probe halved, 0 while there is none, and the median before it.
    probed: AtomicU64,
    before_probe: AtomicU64,
}

impl Default for SoftSignal {
    fn default() -> Self {
        Self::new()
    }
}

impl SoftSignal {
    /// Without a sample.
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            seen: CachePadded::new(zero()),
            taken: zero(),
            samples: std::array::from_fn(|_| zero()),
            is_judged: AtomicBool::new(false),
            medians: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
            judged: zero(),
            since_probe: zero(),
            cuts: zero(),
            first_median: zero(),
            first_limit: zero(),
            probed: zero(),
            before_probe: zero(),
        }
    }

    /// A job took this long under this limit; what a window says that ends with it.
    pub fn record(&self, latency: Duration, limit: u16) -> Option<Turn> {
        let stride = (u64::from(limit) / SAMPLES as u64).max(1);
        // ORDERING: Relaxed, all: a sample that comes late or from the window before moves a median little.
        if stride > 1 && self.seen.fetch_add(1, Ordering::Relaxed) % stride != 0 {
            return None;
        }
        #[cfg_attr(loom, expect(clippy::modulo_one, reason = "a model has one sample"))]
        let n = self.taken.fetch_add(1, Ordering::Relaxed) as usize % SAMPLES;
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX - 1);
        self.samples[n].store(nanos, Ordering::Relaxed);
        if n == SAMPLES - 1 { self.take_turn(limit) } else { None }
    }

    fn take_turn(&self, limit: u16) -> Option<Turn> {
        // ORDERING: Acquire takes `latency.turn`; a failure reads nothing else.
        let taken =
            self.is_judged.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        taken.ok()?;
        let turn = self.judge(self.median(), limit);
        // ORDERING: Release is edge `latency.turn`.
        self.is_judged.store(false, Ordering::Release);
        Some(turn)
    }

    /// How many windows were judged.
    pub fn windows(&self) -> u64 {
        read(&self.judged)
    }

    fn median(&self) -> u64 {
        let mut samples: [u64; SAMPLES] = std::array::from_fn(|n| read(&self.samples[n]));
        samples.sort_unstable();
        samples[SAMPLES / 2]
    }

    /// By one thread at a time.
    fn judge(&self, median: u64, limit: u16) -> Turn {
        let windows = read(&self.judged);
        write(&self.medians[windows as usize % WINDOWS], median);
        write(&self.judged, windows + 1);
        let since_probe = read(&self.since_probe) + 1;
        write(&self.since_probe, since_probe);
        let probed = read(&self.probed);
        if probed > 0 {
            return self.end_probe(median, probed, limit);
        }
        let base = self.medians.iter().map(read).min().unwrap_or(u64::MAX);
        if median > base.saturating_mul(2) {
            return self.cut(median, limit);
        }
        write(&self.cuts, 0);
        let is_near = median - base <= base / 4;
        if since_probe < if is_near { IDLE_PROBE_EVERY } else { PROBE_EVERY } || limit < 2 {
            return Turn::Stay;
        }
        write(&self.probed, u64::from(limit));
        write(&self.before_probe, median);
        Turn::Probe
    }

    fn end_probe(&self, median: u64, probed: u64, limit: u16) -> Turn {
        write(&self.probed, 0);
        let before = read(&self.before_probe);
        let has_queue = before / 3 > median / 2;
        write(&self.since_probe, if has_queue { PROBE_EVERY - NEXT_PROBE } else { 0 });
        if !has_queue {
            return Turn::Restore(probed as u16);
        }
        let knee = u128::from(probed) * u128::from(median) / u128::from(before);
        Turn::Restore((knee as u16).max(limit))
    }

    fn cut(&self, median: u64, limit: u16) -> Turn {
        let cuts = read(&self.cuts);
        let had_effect = median < read(&self.first_median) / 5 * 4;
        if cuts == CUTS && !had_effect {
            write(&self.cuts, 0);
            self.medians.iter().for_each(|old| write(old, median));
            return Turn::Restore(read(&self.first_limit) as u16);
        }
        if cuts == 0 || cuts == CUTS {
            write(&self.first_median, median);
            write(&self.first_limit, u64::from(limit));
        }
        write(&self.cuts, cuts % CUTS + 1);
        Turn::Cut
    }
}

fn read(word: &AtomicU64) -> u64 {
    // ORDERING: Relaxed: of the judge alone (`latency.turn`), or a figure.
    word.load(Ordering::Relaxed)
}

fn write(word: &AtomicU64, value: u64) {
    // ORDERING: Relaxed: of the judge alone (`latency.turn`).
    word.store(value, Ordering::Relaxed);
}
