//! The state of one key in one word.
//!
//! | bits | field | |
//! |---|---|---|
//! | 0–19 | in flight | leases that are held |
//! | 20–21 | kind | below |
//! | 22–26 | level | how far the key has recovered, 0 to [`Word::FULL`] |
//! | 27–31 | streak | refusals in a row by the upstream: how often the next cool-down is doubled |
//! | 32–63 | generation | changes with each refusal; a lease remembers the one that it was granted in |
//!
//! | kind | meaning, with the key's `until` | next |
//! |---|---|---|
//! | `Open` | cooling down before it, usable from then on | `Quota`, `Disabled` |
//! | `Quota` | its quota is used up; tried again from then on | `Open` by a grant |
//! | `Disabled` | refused by the upstream; one request probes it from then on | `Probing` by a grant |
//! | `Probing` | the probe is on its way, nobody else uses the key | any, by the probe's end alone |
//!
//! All functions here are pure; `key` and `report` exchange the word.

const IN_FLIGHT_BITS: u32 = 20;
const KIND: Field = Field { shift: IN_FLIGHT_BITS, bits: 2 };
const LEVEL: Field = Field { shift: 22, bits: 5 };
const STREAK: Field = Field { shift: 27, bits: 5 };
const GENERATION: Field = Field { shift: 32, bits: 32 };

/// The most leases that a key can have.
pub(super) const MOST_IN_FLIGHT: u32 = (1 << IN_FLIGHT_BITS) - 1;

struct Field {
    shift: u32,
    bits: u32,
}

impl Field {
    const fn mask(&self) -> u64 {
        ((1 << self.bits) - 1) << self.shift
    }

    const fn of(&self, word: u64) -> u32 {
        ((word & self.mask()) >> self.shift) as u32
    }

    const fn put(&self, word: u64, value: u32) -> u64 {
        word & !self.mask() | (value as u64) << self.shift & self.mask()
    }
}

/// What may be done with a key, together with its `until`; see the source of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open = 0,
    Quota = 1,
    Disabled = 2,
    Probing = 3,
}

/// A key's state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// The level of a key that has its whole share.
    pub(super) const FULL: u32 = 16;
    const MOST_STREAK: u32 = 31;

    /// A key that was never refused.
    pub(super) const NEW: Self = Self(LEVEL.put(0, Self::FULL));

    pub(super) const fn in_flight(self) -> u32 {
        self.0 as u32 & MOST_IN_FLIGHT
    }

    pub(super) const fn kind(self) -> Kind {
        match KIND.of(self.0) {
            0 => Kind::Open,
            1 => Kind::Quota,
            2 => Kind::Disabled,
            _ => Kind::Probing,
        }
    }

    pub(super) const fn level(self) -> u32 {
        LEVEL.of(self.0)
    }

    pub(super) const fn streak(self) -> u32 {
        STREAK.of(self.0)
    }

    pub(super) const fn generation(self) -> u32 {
        GENERATION.of(self.0)
    }

    /// The part of its share that the key has now, in per cent.
    pub(super) const fn share(self) -> u32 {
        20 + self.level() * 80 / Self::FULL
    }

    /// One lease more. The caller has seen that there is room, and that the time has come.
    pub(super) const fn granted(self) -> Self {
        let next = match self.kind() {
            Kind::Open | Kind::Quota => Kind::Open,
            Kind::Disabled | Kind::Probing => Kind::Probing,
        };
        Self(KIND.put(self.0 + 1, next as u32))
    }

    /// One lease less: that of a probe which ends without a word about the key.
    pub(super) const fn probe_given_up(self) -> Self {
        Self(KIND.put(self.0 - 1, Kind::Disabled as u32))
    }

    /// One success of the present generation.
    pub(super) const fn recovered_a_step(self) -> Self {
        let level = self.level() + 1;
        let word = LEVEL.put(self.0, level);
        Self(if level == Self::FULL { STREAK.put(word, 0) } else { word })
    }

    /// The next generation, in which the key begins again at the lowest level.
    pub(super) const fn refused(self, kind: Kind, streak: u32) -> Self {
        let streak = if streak < Self::MOST_STREAK { streak } else { Self::MOST_STREAK };
        let word = KIND.put(self.0, kind as u32);
        let word = GENERATION.put(word, self.generation().wrapping_add(1));
        Self(STREAK.put(LEVEL.put(word, 0), streak))
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Kind, Word};

    #[test]
    fn the_fields_do_not_touch_each_other() {
        let word = Word::NEW.granted().granted();
        assert_eq!((word.in_flight(), word.kind(), word.level()), (2, Kind::Open, Word::FULL));
        let word = word.refused(Kind::Disabled, 77);
        assert_eq!((word.in_flight(), word.kind(), word.level()), (2, Kind::Disabled, 0));
        assert_eq!((word.streak(), word.generation(), word.share()), (31, 1, 20));
        let word = word.granted();
        assert_eq!((word.in_flight(), word.kind()), (3, Kind::Probing));
        let word = word.probe_given_up();
        assert_eq!((word.in_flight(), word.kind(), word.generation()), (2, Kind::Disabled, 1));
    }

    #[test]
    fn sixteen_successes_bring_the_whole_share_back_and_forget_the_streak() {
        let mut word = Word::NEW.refused(Kind::Open, 3);
        let mut shares = Vec::new();
        while word.level() < Word::FULL {
            assert_eq!(word.streak(), 3);
            shares.push(word.share());
            word = word.recovered_a_step();
        }
        assert_eq!((shares[0], shares[1], shares[15], shares.len()), (20, 25, 95, 16));
        assert_eq!((word.share(), word.streak()), (100, 0));
    }

    #[test]
    fn generations_wrap() {
        let word = Word(Word::NEW.0 | 0xffff_ffff << 32).granted().refused(Kind::Open, 1);
        assert_eq!((word.generation(), word.in_flight()), (0, 1));
    }
}
