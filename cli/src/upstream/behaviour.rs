//! How a provider treats requests.

use std::time::Duration;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The answer has this status, and an error body.
    Status(u16),
    /// There is no answer, and the connection stays open.
    Hang,
    /// The connection is closed instead of an answer.
    Reset,
    /// The answer's body is not UTF-8.
    NotUtf8,
    /// The answer's body has this many bytes.
    Flood(usize),
}

/// How a provider treats requests for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// How long an answer takes at least.
    pub latency: Duration,
    /// How much longer it may take, evenly spread.
    pub jitter: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// For how many of 1000 requests.
    pub fault_per_mille: u16,
}

impl Behaviour {
    /// Answers everything after `latency`.
    pub const fn healthy(latency: Duration) -> Self {
        Self { latency, jitter: Duration::ZERO, fault: None, fault_per_mille: 0 }
    }

    /// Answers take up to `jitter` longer.
    #[must_use]
    pub const fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// Of 1000 requests `per_mille` meet `fault`.
    #[must_use]
    pub const fn fault(self, fault: Fault, per_mille: u16) -> Self {
        Self { fault: Some(fault), fault_per_mille: per_mille, ..self }
    }

    /// What happens to a request for which `random` was drawn: how long it takes, and its fault.
    pub(super) fn draw(&self, random: u64) -> (Duration, Option<Fault>) {
        let spread = (random >> 32) as u32;
        let extra = self.jitter.mul_f64(f64::from(spread) / f64::from(u32::MAX));
        let hit = random % 1000 < u64::from(self.fault_per_mille);
        (self.latency + extra, self.fault.filter(|_| hit))
    }
}

/// The `n`-th number of the sequence that `seed` starts (splitmix64).
pub(super) fn random(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Fault, random};
    use std::time::Duration;

    #[test]
    fn a_share_of_the_requests_meets_the_fault_and_the_same_ones_each_time() {
        let ms = Duration::from_millis;
        let behaviour = Behaviour::healthy(ms(10)).jitter(ms(5)).fault(Fault::Hang, 300);
        let draw = |seed| (0..10_000).map(move |n| behaviour.draw(random(seed, n)));
        let hit = draw(7).filter(|(_, fault)| fault.is_some()).count();
        assert!((2_800..3_200).contains(&hit), "{hit} of 10000");
        assert!(draw(7).all(|(time, _)| (ms(10)..=ms(15)).contains(&time)));
        assert!(draw(7).eq(draw(7)));
        assert!(draw(7).ne(draw(8)));
    }
}
