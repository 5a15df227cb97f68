//! The life of a provider (S2), in one word.
//!
//! ```text
//! Init → Spawning → Checking → Ready ⇄ Degraded → Draining → Stopped
//!            └─────────┴──→ Failed
//! ```
//!
//! A stop may come at any time: every state but `Stopped` leads to `Draining`.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `life.change` | `change` | `state` | what the provider did before it entered the state |
//! | `life.fences` | the fence of `state_behind_change` | the fence of whoever changed the state, before its look | the new state, or the change |
//!
//! Progress: lock-free. Models: `lifecycle_fences`, `lifecycle_shutdown`, `lifecycle_one_change`.

use crate::sync::atomic::{AtomicU32, Ordering, fence};

/// Where a provider is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum LifeState {
    /// Made, nothing started.
    Init = 0,
    /// Its first workers are being started.
    Spawning = 1,
    /// Its health is being checked.
    Checking = 2,
    /// Takes jobs.
    Ready = 3,
    /// Takes jobs, but something is wrong: a failed health check, too many zombies.
    Degraded = 4,
    /// Takes no more jobs and ends those that it has.
    Draining = 5,
    /// Everything has ended.
    Stopped = 6,
    /// Could not be started.
    Failed = 7,
}

impl LifeState {
    const ALL: [Self; 8] = [
        Self::Init,
        Self::Spawning,
        Self::Checking,
        Self::Ready,
        Self::Degraded,
        Self::Draining,
        Self::Stopped,
        Self::Failed,
    ];

    /// The state of this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Spawning => "spawning",
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Whether jobs are taken.
    pub const fn takes_jobs(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }

    /// Whether the end has begun.
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::Draining | Self::Stopped)
    }

    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        match next {
            Self::Init => false,
            Self::Spawning => matches!(self, Self::Init),
            Self::Checking => matches!(self, Self::Spawning),
            Self::Ready => matches!(self, Self::Checking | Self::Degraded),
            Self::Degraded => matches!(self, Self::Checking | Self::Ready),
            Self::Draining => !matches!(self, Self::Draining | Self::Stopped),
            Self::Stopped => matches!(self, Self::Draining),
            Self::Failed => matches!(self, Self::Spawning | Self::Checking),
        }
    }
}

/// The state of a provider's life and the rules of its changes.
#[derive(Debug)]
pub struct Lifecycle(AtomicU32);

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A life that begins.
    pub fn new() -> Self {
        Self(AtomicU32::new(LifeState::Init as u32))
    }

    /// The state now.
    pub fn state(&self) -> LifeState {
        // ORDERING: Acquire takes `life.change`.
        LifeState::ALL[self.0.load(Ordering::Acquire) as usize]
    }

    /// The state, for a caller who has just changed something that whoever ends the life looks at: in the
    /// order of the two fences, either the caller sees the end, or the other sees the change.
    pub fn state_behind_change(&self) -> LifeState {
        // ORDERING: `life.fences`: store-load against the fence of whoever changed the state and looks.
        fence(Ordering::SeqCst);
        self.state()
    }

    /// Enters `next` if the present state allows it; gives the state that was left. Of several threads
    /// that ask for the same change, one gets it.
    pub fn change(&self, next: LifeState) -> Option<LifeState> {
        let mut now = self.state();
        while now.may_become(next) {
            // ORDERING: Release is edge `life.change`; a failure is only compared again.
            match self.0.compare_exchange(
                now as u32,
                next as u32,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(now),
                Err(other) => now = LifeState::ALL[other as usize],
            }
        }
        None
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{LifeState, Lifecycle};

    #[test]
    fn a_life_goes_its_way_once() {
        let life = Lifecycle::new();
        assert_eq!(life.change(LifeState::Ready), None);
        for (from, to) in [
            (LifeState::Init, LifeState::Spawning),
            (LifeState::Spawning, LifeState::Checking),
            (LifeState::Checking, LifeState::Ready),
            (LifeState::Ready, LifeState::Degraded),
            (LifeState::Degraded, LifeState::Ready),
            (LifeState::Ready, LifeState::Draining),
        ] {
            assert_eq!(life.change(to), Some(from));
            assert_eq!(life.change(to), None, "{to:?} twice");
        }
        assert_eq!(life.change(LifeState::Ready), None);
        assert_eq!(life.change(LifeState::Stopped), Some(LifeState::Draining));
        assert_eq!(life.change(LifeState::Draining), None);
        assert_eq!(life.state(), LifeState::Stopped);
    }

    #[test]
    fn a_failed_start_can_be_drained() {
        let life = Lifecycle::new();
        life.change(LifeState::Spawning);
        assert_eq!(life.change(LifeState::Failed), Some(LifeState::Spawning));
        assert!(!life.state().takes_jobs());
        assert_eq!(life.change(LifeState::Draining), Some(LifeState::Failed));
    }
}
