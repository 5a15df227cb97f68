//! Whose turn it is: smooth weighted round robin with exact shares, whatever the threads do.
//!
//! **Algorithm.** The smooth order of nginx's weighted round robin (each turn every key gains its weight, the
//! richest is taken and pays the sum) repeats after as many turns as the weights sum up to, so it is written down
//! once, when the pool is made. At run time a turn is one addition: the values that `fetch_add` returns are all
//! different and without a gap, so that of any window of that many turns each key has exactly its weight.
//!
//! **Progress.** Wait-free. **Edges.** None: the table does not change. Models: `keys_in_turn`.

use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The longest table. Weights with a larger sum are scaled down to it, to at least 1 each.
const MOST_PLACES: u64 = 16_384;

/// The table of turns and the present turn.
#[derive(Debug)]
pub(super) struct Turns {
    places: Box<[u32]>,
    turn: CachePadded<AtomicU64>,
}

impl Turns {
    /// Turns for keys of these weights; weights of 0 count as 1.
    pub(super) fn new(weights: &[u32], first: u64) -> Self {
        let places = smooth(&shortened(weights));
        Self { places, turn: CachePadded::new(AtomicU64::new(first)) }
    }

    /// The number of turns after which all repeats.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The key that has the next turn. There is at least one key.
    pub(super) fn next(&self) -> usize {
        // ORDERING: Relaxed: the order of the turn's own changes makes the turns distinct, and that is all.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.places[(turn % self.places.len() as u64) as usize] as usize
    }

    /// The number of the next turn, for whoever goes on from here.
    pub(super) fn turn(&self) -> u64 {
        // ORDERING: Relaxed: where the turns of another table begin decides nothing.
        self.turn.load(Ordering::Relaxed)
    }
}

fn shortened(weights: &[u32]) -> Vec<u64> {
    let mut weights: Vec<u64> = weights.iter().map(|&weight| u64::from(weight.max(1))).collect();
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    weights.iter_mut().for_each(|weight| *weight /= divisor);
    let sum: u64 = weights.iter().sum();
    if sum > MOST_PLACES {
        weights.iter_mut().for_each(|weight| *weight = (*weight * MOST_PLACES / sum).max(1));
    }
    weights
}

fn smooth(weights: &[u64]) -> Box<[u32]> {
    let sum: u64 = weights.iter().sum();
    if weights.len() as u64 == sum {
        return (0..weights.len() as u32).collect();
    }
    let mut credit = vec![0_i64; weights.len()];
    let mut turn = || {
        let mut richest = 0;
        for (index, weight) in weights.iter().enumerate() {
            credit[index] += *weight as i64;
            if credit[index] > credit[richest] {
                richest = index;
            }
        }
        credit[richest] -= sum as i64;
        richest as u32
    };
    (0..sum).map(|_| turn()).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{MOST_PLACES, Turns};

    #[test]
    fn the_order_is_smooth() {
        let turns = Turns::new(&[5, 1, 1], 0);
        let order: Vec<_> = (0..8).map(|_| turns.next()).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0, 0]);
        assert_eq!(turns.turn(), 8);
    }

    #[test]
    fn weights_are_shortened_to_what_they_say() {
        assert_eq!(Turns::new(&[300, 100, 200], 0).len(), 6);
        assert_eq!(Turns::new(&[7, 7], 0).len(), 2);
        assert_eq!(Turns::new(&[0, 2], 0).len(), 3);
        assert_eq!(Turns::new(&[], 0).len(), 0);
        let long = Turns::new(&[u32::MAX, u32::MAX - 1, 1], 0);
        assert!(long.len() as u64 <= MOST_PLACES + 3);
        assert!((0..long.len()).any(|_| long.next() == 2), "each key has a turn");
    }
}
