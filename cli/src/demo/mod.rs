//! `bifrost demo`: three providers, one of which breaks, with a pool each and then with one pool for all.

mod command;
mod load;
mod scenario;
mod screen;
mod verdict;

pub(crate) use command::run;
