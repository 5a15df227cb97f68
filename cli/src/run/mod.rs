//! `bifrost run`: a file of jobs in, a file of results out.
//!
//! The input is read line by line while its jobs run, and each result is written when it is there, so that
//! neither file has to fit into memory.

mod batch;
mod command;
mod job;
mod lines;
mod output;
mod rest;
mod result;
mod route;
mod summary;

pub(crate) use command::run;
