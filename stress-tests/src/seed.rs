//! Seeds, what is drawn from them, and the agent of the calling thread.

use std::hash::{BuildHasher, RandomState};

/// The seed of this run: `BIFROST_SEED` if it is set, else `fixed`.
///
/// # Panics
///
/// If the variable holds no number.
pub fn seed(fixed: u64) -> u64 {
    match std::env::var("BIFROST_SEED") {
        Ok(text) => match text.parse() {
            Ok(seed) => seed,
            Err(error) => panic!("BIFROST_SEED={text}: {error}"),
        },
        Err(_) => fixed,
    }
}

/// A seed that no run had before, unless `BIFROST_SEED` is set.
pub fn fresh() -> u64 {
    seed(RandomState::new().hash_one("seed") >> 32)
}

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream `number` of `seed`.
    pub fn new(seed: u64, number: u64) -> Self {
        Self(mix(mix(seed).wrapping_add(number)) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// A word in which each bit depends on all bits of `word`.
pub fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Runs `program` as thread `number` of `seed`, with a pause before one atomic operation in `one_in`. A
/// plain build makes no pauses.
pub fn disturbed<R>(seed: u64, number: u64, one_in: u32, program: impl FnOnce() -> R) -> R {
    #[cfg(bifrost_chaos)]
    return bifrost::sync::atomic::agent::Agent::new(seed, number)
        .disturbed(one_in)
        .run(program)
        .result;
    #[cfg(not(bifrost_chaos))]
    {
        let _ = (seed, number, one_in);
        program()
    }
}
