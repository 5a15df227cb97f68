//! Whose turn it is, for one consumer.
//!
//! Algorithm: stride scheduling (after Waldspurger and Weihl, 1995). Each lane has a *pass*, the virtual time
//! of its next turn; the lane with the earliest one is served and moves on by its stride, which is the
//! inverse of its weight. A lane that comes in stands half a stride ahead of now, so that over any number of
//! turns a lane's share is its weight's to within one job, and a lane that left and came back has gained
//! nothing by it.
//!
//! Invariants: 1. the pass of a lane in `open` lies at most one stride ahead of `now`, which therefore never
//! has to be compared with a wrapped one. 2. Nobody else reads or writes any of it: a turn costs the other
//! consumers nothing, and every consumer keeps the shares by itself.

use super::lanes::{LaneId, Lanes, ids};
use std::fmt;

/// The stride of a lane of weight 1. A large number, so that the strides of other weights are as good as
/// exact; virtual time may wrap.
pub(super) const STRIDE: u64 = 1 << 32;

/// What one consumer of a [`JobQueue`](super::JobQueue) has taken from each lane, so that it takes from them
/// in turn. Plain data of that consumer's.
pub struct Credits {
    now: u64,
    /// The lanes that took part in the last turn.
    open: u64,
    passes: Box<[u64]>,
}

impl Credits {
    pub(super) fn new(lanes: usize) -> Self {
        Self { now: 0, open: 0, passes: vec![0; lanes].into() }
    }

    /// How many of the lanes took part in the last turn that there was a choice of lanes. A consumer that
    /// has only ever seen the normal lane in use has taken no such turn.
    pub fn lanes_in_turn(&self) -> u32 {
        self.open.count_ones()
    }

    /// The lanes of `open` take part in the next turn.
    pub(super) fn begin(&mut self, open: u64, lanes: &Lanes) {
        for lane in ids(open & !self.open) {
            let stride = lanes.stride(lane);
            let pass = &mut self.passes[lane.index()];
            if !(stride / 2..=stride).contains(&pass.wrapping_sub(self.now)) {
                *pass = self.now.wrapping_add(stride / 2);
            }
        }
        self.open = open;
    }

    /// The lane whose turn it is among those of `open`, all of which take part.
    pub(super) fn next(&self, open: u64) -> Option<LaneId> {
        ids(open).min_by_key(|lane| self.passes[lane.index()].wrapping_sub(self.now))
    }

    /// `lane` had nothing: it takes no part until it comes in again.
    pub(super) fn leave(&mut self, lane: LaneId) {
        self.open &= !lane.bit();
    }

    /// `lane` has had its turn.
    pub(super) fn charge(&mut self, lane: LaneId, lanes: &Lanes) {
        let pass = &mut self.passes[lane.index()];
        self.now = *pass;
        *pass = pass.wrapping_add(lanes.stride(lane));
    }
}

impl fmt::Debug for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credits").field("open", &self.open).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use crate::queue::{JobQueue, LaneId, LaneSpec, Waking};
    use crate::ring::PopError;

    fn queue(weights: &[u32], capacity: usize) -> JobQueue {
        let lanes: Vec<_> = weights.iter().map(|&weight| LaneSpec { capacity, weight }).collect();
        JobQueue::with_lanes(&lanes, 1, Waking::Each)
    }

    /// Keeps every lane full and takes `turns` indices, which are the lanes that they came from.
    fn served(weights: &[u32], turns: usize) -> Vec<usize> {
        let queue = queue(weights, 1);
        let lanes: Vec<_> = queue.lanes().collect();
        let mut credits = queue.credits();
        for lane in &lanes {
            queue.push_to(*lane, lane.index() as u32).expect("there is room");
        }
        (0..turns)
            .map(|_| {
                let lane = queue.try_pop_with(&mut credits).expect("no lane is empty") as usize;
                queue.push_to(lanes[lane], lane as u32).expect("there is room");
                lane
            })
            .collect()
    }

    /// The furthest that a lane ever was from its share.
    fn worst(weights: &[u32], turns: usize) -> f64 {
        let total: u32 = weights.iter().sum();
        let mut counts = vec![0.0; weights.len()];
        let mut worst = 0.0_f64;
        for (turn, lane) in served(weights, turns).into_iter().enumerate() {
            counts[lane] += 1.0;
            for (count, weight) in counts.iter().zip(weights) {
                let share = (turn + 1) as f64 * f64::from(*weight) / f64::from(total);
                worst = worst.max((count - share).abs());
            }
        }
        worst
    }

    #[test]
    fn the_three_lanes_are_served_8_to_4_to_1_to_within_one_job_at_any_time() {
        let worst = worst(&[8, 4, 1], 13 * 1000);
        assert!(worst < 1.0, "a lane was {worst} jobs from its share");
        let mut counts = [0; 3];
        served(&[8, 4, 1], 13 * 1000).into_iter().for_each(|lane| counts[lane] += 1);
        assert_eq!(counts, [8000, 4000, 1000]);
    }

    #[test]
    fn any_weights_are_shares_to_within_two_jobs() {
        let mut seed = 7_u64;
        let mut random = |limit: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % limit
        };
        for _ in 0..60 {
            let lanes = 3 + random(62) as usize;
            let weights: Vec<_> = (0..lanes).map(|_| 1 + random(1000) as u32).collect();
            let worst = worst(&weights, 3000);
            assert!(worst < 2.0, "{weights:?}: a lane was {worst} jobs from its share");
        }
    }

    #[test]
    fn a_lane_that_comes_back_has_neither_saved_turns_nor_lost_any() {
        let queue = queue(&[8, 4, 1], 200);
        let mut credits = queue.credits();
        let mut take = |count: usize| -> Vec<u32> {
            (0..count).map(|_| queue.try_pop_with(&mut credits).expect("there is more")).collect()
        };
        for _ in 0..200 {
            queue.push_to(LaneId::LOW, 2).expect("there is room");
            queue.push_to(LaneId::NORMAL, 1).expect("there is room");
        }
        let alone = take(100);
        assert_eq!(alone.iter().filter(|lane| **lane == 1).count(), 80, "4 to 1 without High");
        for _ in 0..100 {
            queue.push_to(LaneId::HIGH, 0).expect("there is room");
        }
        let together = take(13);
        let count = |lane| together.iter().filter(|served| **served == lane).count();
        assert_eq!(together[0], 0, "a newcomer of more weight need not wait for a turn");
        assert_eq!([count(0), count(1), count(2)], [8, 4, 1]);
    }

    #[test]
    fn a_lane_that_comes_and_goes_takes_no_more_than_its_share() {
        let queue = queue(&[8, 4, 1], 1);
        let mut credits = queue.credits();
        let mut low = 0;
        for _ in 0..1300 {
            // The low lane is empty again after each of its jobs, and has the next one right away.
            queue.push(1).unwrap_or_default();
            queue.push_to(LaneId::LOW, 2).unwrap_or_default();
            queue.push_to(LaneId::HIGH, 0).unwrap_or_default();
            low += u32::from(queue.try_pop_with(&mut credits) == Ok(2));
        }
        assert!((99..=101).contains(&low), "{low} of 1300");
    }

    #[test]
    fn with_one_lane_in_use_no_turn_is_taken_and_no_bit_is_set() {
        let queue = queue(&[8, 4, 1], 4);
        let mut credits = queue.credits();
        for index in 0..100 {
            queue.push_to(LaneId::NORMAL, index).expect("there is room");
            assert_eq!(queue.try_pop_with(&mut credits), Ok(index));
            assert_eq!(queue.try_pop_with(&mut credits), Err(PopError::Empty));
        }
        assert_eq!(credits.lanes_in_turn(), 0);
        queue.push_to(LaneId::LOW, 7).expect("there is room");
        assert_eq!(queue.try_pop_with(&mut credits), Ok(7));
        assert_eq!(credits.lanes_in_turn(), 1, "and then one is");
    }

    #[test]
    fn an_unserved_lane_outlives_the_end_of_virtual_time() {
        let queue = queue(&[8, 4, 1], 2);
        let mut credits = queue.credits();
        credits.now = u64::MAX - 3 * super::STRIDE;
        let mut lanes = [0; 3];
        for _ in 0..130 {
            for (index, lane) in queue.lanes().enumerate() {
                queue.push_to(lane, index as u32).unwrap_or_default();
            }
            lanes[queue.try_pop_with(&mut credits).expect("no lane is empty") as usize] += 1;
        }
        assert_eq!(lanes, [80, 40, 10]);
    }
}
