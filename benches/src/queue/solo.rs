//! One thread pushes and pops again: what an operation costs when nobody is in the way.

use super::ends::{End, Payload, Shape};
use crate::contest::Contestant;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Alone;

impl<T: Payload> Shape<T> for Alone {
    type Output = Box<dyn Contestant>;

    fn of<E: End<T>>(&self, end: E) -> Self::Output {
        Box::new(Solo(end, PhantomData))
    }
}

struct Solo<T, E>(E, PhantomData<fn(T)>);

impl<T: Payload, E: End<T>> Contestant for Solo<T, E> {
    fn run(&mut self, count: usize) -> Duration {
        let mut end = self.0.clone();
        let began = Instant::now();
        for number in 0..count {
            assert!(end.push(T::of(black_box(number as u32 & 0xfff))), "there is room");
            black_box(end.pop()).expect("it was pushed");
        }
        began.elapsed()
    }
}

/// The floor: two uncontended locked instructions.
pub(crate) struct TwoFetchAdds(AtomicU64);

pub(crate) const FLOOR: &str = "two fetch_adds";

pub(crate) fn floor() -> Box<dyn Contestant> {
    Box::new(TwoFetchAdds(AtomicU64::new(0)))
}

impl Contestant for TwoFetchAdds {
    fn run(&mut self, count: usize) -> Duration {
        let began = Instant::now();
        for number in 0..count {
            self.0.fetch_add(black_box(number as u64 & 0xfff), Ordering::SeqCst);
            black_box(self.0.fetch_add(1, Ordering::SeqCst));
        }
        began.elapsed()
    }
}
