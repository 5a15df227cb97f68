//! One thread pushes and pops again: what an operation costs when nobody is in the way.

use super::ends::{End, Payload, Shape};
use super::rounds::{Done, Timed};
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Alone;

impl<T: Payload> Shape<T> for Alone {
    type Output = Box<dyn Timed>;

    fn of<E: End<T>>(&self, end: E) -> Self::Output {
        Box::new(Solo(end, PhantomData))
    }
}

/// Operations between two looks at the time, which cost as much as a few of them.
const BETWEEN_LOOKS: u32 = 4096;

/// Does `operation`, which is given a number, until `time` is over.
fn repeat(time: Duration, mut operation: impl FnMut(u32)) -> Done {
    let began = Instant::now();
    let mut operations = 0;
    loop {
        (0..BETWEEN_LOOKS).for_each(&mut operation);
        operations += BETWEEN_LOOKS as usize;
        let took = began.elapsed();
        if took >= time {
            return Done { operations, took };
        }
    }
}

struct Solo<T, E>(E, PhantomData<fn(T)>);

impl<T: Payload, E: End<T>> Timed for Solo<T, E> {
    fn run_for(&mut self, time: Duration) -> Done {
        let mut end = self.0.clone();
        repeat(time, |number| {
            assert!(end.push(T::of(black_box(number))), "there is room");
            black_box(end.pop()).expect("it was pushed");
        })
    }
}

/// The floor: two uncontended locked instructions.
pub(crate) struct TwoFetchAdds(AtomicU64);

pub(crate) const FLOOR: &str = "two fetch_adds";

pub(crate) fn floor() -> Box<dyn Timed> {
    Box::new(TwoFetchAdds(AtomicU64::new(0)))
}

impl Timed for TwoFetchAdds {
    fn run_for(&mut self, time: Duration) -> Done {
        repeat(time, |number| {
            self.0.fetch_add(black_box(u64::from(number)), Ordering::SeqCst);
            black_box(self.0.fetch_add(1, Ordering::SeqCst));
        })
    }
}
