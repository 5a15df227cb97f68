//! The two clocks, deadlines, and a clock that tests drive.
//!
//! | file | concept |
//! |---|---|
//! | `instant` | [`Instant`] and [`Deadline`]: a word each |
//! | `clock` | [`Clock`]: exact and coarse time, parking until a deadline |
//! | `monotonic` | the real time, by the cycle counter where it can be trusted |
//! | `block_on` | the one place where a thread blocks on a future |
//! | `spin` | looking for a while before sleeping |
//! | `test_clock`, `simulated` | [`TestClock`] and what it is made of |
//! | `wheel` | [`Wheel`]: a set of values by deadline |
//! | `timers`, `sleep` | [`Sleep`], a future that a runtime's tick wakes |
//! | `registration` | [`Registration`]: which threads an automatic test clock waits for |
//!
//! Time is read and waited for through a [`Clock`] alone (S46), so that whatever is built with the clock of
//! a [`TestClock`] runs in the test's time without a change.

mod block_on;
mod clock;
mod instant;
mod monotonic;
mod registration;
mod simulated;
mod sleep;
mod spin;
mod test_clock;
mod timers;
mod wheel;

pub use clock::Clock;
pub use instant::{Deadline, Instant};
pub use registration::{Entered, Registration};
pub use sleep::Sleep;
pub use test_clock::TestClock;
pub use timers::TimerDriver;
pub use wheel::{TimerKey, Wheel};
