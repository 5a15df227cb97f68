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

/// How a thread is to be disturbed. A plain build does nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// What the pauses are drawn from.
    pub seed: u64,
    /// Each thread draws its own.
    pub thread: u64,
    /// A pause before one atomic operation in so many; 0: none.
    pub one_in: u32,
    /// The program ends, by unwinding, when it has made so many atomic operations.
    pub limit: u64,
}

impl Disturbance {
    /// Runs `program` so.
    pub fn run<R>(self, program: impl FnOnce() -> R) -> R {
        #[cfg(bifrost_chaos)]
        return bifrost::sync::atomic::agent::Agent::new(self.seed, self.thread)
            .disturbed(self.one_in)
            .limited(self.limit)
            .run(program)
            .result;
        #[cfg(not(bifrost_chaos))]
        program()
    }
}
