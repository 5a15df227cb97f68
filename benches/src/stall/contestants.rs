//! Who is frozen: all queues of the suite `queue`, our queue of jobs, and a plain lock.

use super::window::{Tally, Trial};
use crate::figure::Role;
use crate::queue::{End, JOB_RING, RING, Row, Shape, TURBO, all_peers, job_ring, ring};
use bifrost::queue::{JobQueue, Waking};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

const CAPACITY: usize = 256;

pub(super) const JOB_QUEUE: &str = "JobQueue";

pub(super) type Run = Box<dyn FnOnce() -> Tally>;

pub(super) fn all(trial: &Trial) -> Vec<Row<Run>> {
    let mut rows: Vec<Row<Run>> = all_peers::<u64, _>(CAPACITY, trial);
    // Equal things need no twin here: what is counted is far from any noise.
    // A peer in which two that pop can get stuck for ever is not here either (`queue/peers.rs`).
    rows.retain(|(role, name, _)| *role != Role::Twin && *name != TURBO);
    let locked = Locked(Arc::new(Mutex::new(VecDeque::with_capacity(CAPACITY))));
    rows.push((Role::Peer, "Mutex<VecDeque>", trial.of(locked)));
    rows.push((Role::Ours, JOB_RING, trial.of(job_ring(CAPACITY))));
    rows.push((Role::Shown, RING, trial.of(ring::<u64>(CAPACITY))));
    rows.push((
        Role::Ours,
        JOB_QUEUE,
        trial.of(Arc::new(JobQueue::new(CAPACITY, 1, Waking::Each))),
    ));
    rows
}

#[derive(Clone)]
struct Locked(Arc<Mutex<VecDeque<u64>>>);

impl End<u64> for Locked {
    fn push(&mut self, value: u64) -> bool {
        let mut queue = self.0.lock().expect("nobody panics with it");
        let room = queue.len() < CAPACITY;
        if room {
            queue.push_back(value);
        }
        room
    }

    fn pop(&mut self) -> Option<u64> {
        self.0.lock().expect("nobody panics with it").pop_front()
    }
}
