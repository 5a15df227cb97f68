//! One table of every status, outcome and reason, with its stable number and name.
//!
//! Errors of the modules map to a [`Code`]; the header's status numbers, the names in JSON and the labels
//! of metrics are the same table. State changes have codes of their own: [`EventCode`].

mod event;
mod status;

pub use event::EventCode;
pub use status::{Code, CodeKind};
