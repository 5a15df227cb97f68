//! x
use crate::report::Report;
pub(crate) fn draw(_: &Report) -> Vec<(String, String)> {
    Vec::new()
}
