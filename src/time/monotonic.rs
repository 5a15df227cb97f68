//! The real time: the system's monotonic clock, read through the cycle counter where that may stand for it.
//!
//! A read of the system's clock costs some 25 ns, of the counter some 10. The counter's rate is measured once,
//! over the first [`BASELINE`] of the process, during which the system's clock is read; from then on only
//! the counter is. Two readings of the system's clock, each between two close readings of the counter, give
//! the rate to about one part in a million.
//!
//! Time does not go back at the change: the last pair takes the counter's earlier reading for the instant,
//! so that the counter's time is ahead of the system's by at most the length of one reading.

use super::Instant;
use crate::sync::{OnceLock, cycles};

/// How long the counter is compared with the system's clock before it replaces it, in nanoseconds.
const BASELINE: u64 = 50_000_000;
/// Cycles between the counter's two readings around one of the system's clock that are close enough.
const CLOSE: u64 = 400;
/// Tries for a close pair, and what is taken for one when all fail.
const TRIES: u32 = 64;
const ACCEPTABLE: u64 = 20_000;
/// The fraction bits of a rate.
const FRACTION: u32 = 32;

/// The first readings in the process: the origin.
struct Origin {
    system: std::time::Instant,
    /// `None`: the counter may not stand for time.
    cycles: Option<u64>,
}

/// How cycles turn into nanoseconds since the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    cycles: u64,
    nanos: u64,
    /// Nanoseconds a cycle, in units of 2⁻³².
    nanos_a_cycle: u64,
}

static ORIGIN: OnceLock<Origin> = OnceLock::new();
static RATE: OnceLock<Rate> = OnceLock::new();

/// The time since the first call in the process.
#[inline]
pub(super) fn now() -> Instant {
    match RATE.get() {
        Some(rate) => Instant::from_nanos(rate.at(cycles::read())),
        None => by_the_system(),
    }
}

#[cold]
fn by_the_system() -> Instant {
    let origin = ORIGIN.get_or_init(|| {
        let pair = if cycles::trusted() { pair() } else { None };
        let (cycles, system) = pair.map_or((None, system_now()), |(at, now)| (Some(at), now));
        Origin { system, cycles }
    });
    let since = |now: std::time::Instant| {
        u64::try_from(now.saturating_duration_since(origin.system).as_nanos()).unwrap_or(u64::MAX)
    };
    let nanos = since(system_now());
    if nanos >= BASELINE
        && let Some(first) = origin.cycles
        && let Some((cycles, system)) = pair()
        && let Some(rate) = Rate::between(first, cycles, since(system))
    {
        RATE.get_or_init(|| rate);
    }
    Instant::from_nanos(nanos)
}

/// The counter and the system's clock at the same moment, the counter being read first.
fn pair() -> Option<(u64, std::time::Instant)> {
    let mut best = None;
    let mut closest = u64::MAX;
    for _ in 0..TRIES {
        let before = cycles::read();
        let now = system_now();
        let apart = cycles::read().wrapping_sub(before);
        if apart < closest {
            (best, closest) = (Some((before, now)), apart);
        }
        if closest <= CLOSE {
            break;
        }
    }
    best.filter(|_| closest <= ACCEPTABLE)
}

impl Rate {
    /// The rate of a counter that went from `first`, at the origin, to `cycles` in `nanos`.
    fn between(first: u64, cycles: u64, nanos: u64) -> Option<Self> {
        let counted = cycles.checked_sub(first)?;
        let rate = (u128::from(nanos) << FRACTION).checked_div(u128::from(counted))?;
        let nanos_a_cycle = u64::try_from(rate).ok().filter(|rate| *rate > 0)?;
        Some(Self { cycles, nanos, nanos_a_cycle })
    }

    #[inline]
    fn at(&self, cycles: u64) -> u64 {
        // Another core's counter may be a few cycles behind the one that was measured.
        let passed =
            u128::from(cycles.saturating_sub(self.cycles)) * u128::from(self.nanos_a_cycle);
        self.nanos.saturating_add((passed >> FRACTION) as u64)
    }
}

/// The time since 1970; `None` on a machine that is set to an earlier one.
#[allow(clippy::disallowed_methods, reason = "this is the clock that the rest is told to use")]
pub(super) fn since_1970() -> Option<std::time::Duration> {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()
}

/// The only read of the system's clock for measuring.
#[allow(clippy::disallowed_methods, reason = "this is the clock that the rest is told to use")]
fn system_now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Rate, now, pair, system_now};
    use crate::sync::cycles;

    #[test]
    fn a_rate_turns_cycles_into_nanoseconds_from_its_measurement_on() {
        let rate = Rate::between(1_000, 200_001_000, 50_000_000).unwrap();
        assert_eq!(rate.nanos_a_cycle, 1 << 30, "a quarter of a nanosecond");
        assert_eq!(rate.at(200_001_000), 50_000_000);
        assert_eq!(rate.at(200_001_004), 50_000_001);
        assert_eq!(rate.at(200_000_000), 50_000_000, "never before its own beginning");
        let year = 4_000_000_000 * 86_400 * 365;
        assert_eq!(
            rate.at(200_001_000 + year),
            50_000_000 + year / 4,
            "and not rounded over a year"
        );
    }

    #[test]
    fn a_counter_that_stands_or_goes_back_gives_no_rate() {
        assert_eq!(Rate::between(5, 5, 50_000_000), None);
        assert_eq!(Rate::between(6, 5, 50_000_000), None);
        assert_eq!(Rate::between(0, 1 << 60, 1), None, "less than a unit a cycle");
    }

    #[test]
    fn time_goes_on_by_the_counter_as_by_the_system() {
        let start = (now(), system_now());
        let mut last = start.0;
        // Over the change from the one to the other, if this process has not changed yet.
        while last.saturating_duration_since(start.0).as_millis() < 60 {
            let next = now();
            assert!(next >= last, "{next:?} after {last:?}");
            last = next;
        }
        let (ours, systems) = (now().saturating_duration_since(start.0), system_now() - start.1);
        assert!(ours <= systems + systems / 100, "{ours:?} for {systems:?}");
        assert!(!cycles::trusted() || pair().is_some(), "a trusted counter can be read");
    }
}
