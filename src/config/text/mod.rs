//! The configuration as a text: TOML or JSON, each into one [`tree`] that knows the line of every value, and from
//! there by the option table into a [`Config`](super::Config).

mod entry;
mod json;
mod read;
mod suggest;
#[cfg(test)]
mod tests;
mod toml;
mod tree;

pub(super) use entry::{from_json, from_toml, load};
