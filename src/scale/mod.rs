//! Pure decisions from figures: how many workers there should be (S30), and how large a provider (S32).
//!
//! Plain numbers in, plain numbers out: who asks reads the figures, and does what is decided.

mod scaler;
mod sizing;

pub use scaler::{Load, Scale, Scaler};
pub use sizing::{Sizing, SizingError};
