//! Go's channels, in a process of their own that runs the same scenario in turn with the others.

use super::peers::Row;
use super::transfer::Sides;
use crate::contest::Contestant;
use crate::figure::Role;
use crate::go::{self, GoContestant};
use std::cell::RefCell;
use std::rc::Rc;

pub(crate) type Program = Rc<RefCell<go::Program>>;

pub(crate) fn start() -> Option<Program> {
    go::Program::start("queue")
}

pub(crate) fn row(
    program: &Program,
    Sides { producers, consumers }: Sides,
    capacity: usize,
) -> Row<Box<dyn Contestant>> {
    let scenario = format!("{producers} {consumers} {capacity}");
    (Role::Peer, "Go channel", Box::new(GoContestant::new(program, scenario)))
}
