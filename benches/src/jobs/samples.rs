//! Rounds that give several figures of their own, such as percentiles.

use crate::contest::Results;
use crate::random::Random;

/// A contestant whose round gives so many figures.
pub(super) type Entry = (&'static str, Box<dyn FnMut() -> Vec<f64>>);

/// Lets the contestants run in turn; for each of the `figures` the rounds of all of them.
pub(super) fn hold(rounds: usize, figures: usize, contestants: &mut [Entry]) -> Vec<Results> {
    let mut random = Random::new(u64::from(std::process::id()));
    let mut all = vec![Results::new(); figures];
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &place in &order {
            let (name, round) = &mut contestants[place];
            let given = round();
            assert_eq!(given.len(), figures, "{name} gave {given:?}");
            for (results, value) in all.iter_mut().zip(given) {
                results.entry(name).or_default().0.push(value);
            }
        }
    }
    all
}
