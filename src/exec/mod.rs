//! What drives the work: executors, driver threads, and the tick.
//!
//! Every provider has a [`Unit`]: its own executor and an activation flag. A [`DriverPool`] is some threads
//! (or an embedder's own, through [`DriverPool::turn`]) and a ready ring of units; whoever makes a unit's
//! task runnable activates the unit, in a time that does not depend on how many units there are. The
//! [`Ticker`] looks at the limits of jobs and fires the clock's timers.

mod current;
mod driver;
mod driving;
mod exit;
mod stall;
mod ticker;
mod unit;

pub use current::{Inside, inside};
pub use driver::{DriverPool, Drivers, Seat};
pub use exit::Exit;
pub use ticker::{Ticked, TickedBy, Ticker, TickerThread};
pub use unit::Unit;
