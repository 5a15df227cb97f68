//! Goodput under overload (S19), on a small simulation: ten workers, jobs of two seconds, a hundred places,
//! ten seconds for each job from its submission to its end.

use super::{Chances, Codel, Estimate, Forecast, Sojourn};
use crate::time::{Deadline, Instant};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

const WORKERS: usize = 10;
const PLACES: usize = 100;
const SERVICE: f64 = 2.0;
const LIMIT: Duration = Duration::from_secs(10);
const HORIZON: f64 = 600.0;

/// What is done about overload.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Discipline {
    /// Nothing but the queue's bound.
    Fifo,
    /// CoDel's own law: one drop, and the next ones in ever shorter time.
    ClassicCodel,
    Codel,
    Estimate,
    Both,
}

/// RFC 8289, with the same target and interval.
#[derive(Default)]
struct Classic {
    first_above: Option<f64>,
    drop_next: f64,
    count: u32,
    is_dropping: bool,
}

impl Classic {
    fn on_pop(&mut self, waited: f64, now: f64, is_last: bool) -> bool {
        let interval = LIMIT.as_secs_f64();
        if waited < interval / 10.0 || is_last {
            (self.first_above, self.is_dropping) = (None, false);
            return false;
        }
        let above = *self.first_above.get_or_insert(now + interval);
        if self.is_dropping && now >= self.drop_next {
            self.count += 1;
            self.drop_next += interval / f64::from(self.count).sqrt();
            return true;
        }
        if !self.is_dropping && now >= above {
            (self.is_dropping, self.count, self.drop_next) = (true, 1, now + interval);
            return true;
        }
        false
    }
}

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

/// Nanoseconds order a heap, floats do not.
fn nanos(seconds: f64) -> u64 {
    at(seconds).as_nanos()
}

struct Pool {
    discipline: Discipline,
    is_random: bool,
    random: Random,
    codel: Codel,
    classic: Classic,
    estimate: Estimate,
    queue: VecDeque<f64>,
    /// When each running job ends.
    running: BinaryHeap<Reverse<u64>>,
    /// Ends and lengths of the last ten seconds.
    ended: VecDeque<(f64, f64)>,
    good: usize,
}

impl Pool {
    fn new(discipline: Discipline, is_random: bool, seed: u64) -> Self {
        Self {
            discipline,
            is_random,
            random: Random(seed),
            codel: Codel::new(LIMIT),
            classic: Classic::default(),
            estimate: Estimate::new(LIMIT),
            queue: VecDeque::new(),
            running: BinaryHeap::new(),
            ended: VecDeque::new(),
            good: 0,
        }
    }

    fn submit(&mut self, now: f64) {
        let chances = Chances {
            depth: self.queue.len() as u64,
            workers: WORKERS as u64,
            is_one_idle: self.running.len() < WORKERS,
            queue_deadline: Deadline::after(at(now), LIMIT),
            deadline: Deadline::after(at(now), LIMIT),
        };
        let estimates = matches!(self.discipline, Discipline::Estimate | Discipline::Both);
        let forecast =
            if estimates { self.estimate.forecast(&chances, at(now)) } else { Forecast::Fits };
        if !matches!(forecast, Forecast::Unmeetable { .. }) && self.queue.len() < PLACES {
            self.queue.push_back(now);
            self.serve(now);
        }
    }

    fn serve(&mut self, now: f64) {
        while self.running.len() < WORKERS {
            let Some(submitted) = self.queue.pop_front() else { return };
            let (waited, is_last) = (now - submitted, self.queue.is_empty());
            // S18: a job whose wait ran out is never executed.
            if waited >= LIMIT.as_secs_f64() || self.is_dropped(waited, now, is_last) {
                continue;
            }
            let length = if self.is_random { self.random.exponential(SERVICE) } else { SERVICE };
            self.running.push(Reverse(nanos(now + length)));
            self.ended.push_back((now + length, length));
            self.good += usize::from(waited + length <= LIMIT.as_secs_f64());
        }
    }

    fn is_dropped(&mut self, waited: f64, now: f64, is_last: bool) -> bool {
        match self.discipline {
            Discipline::Fifo | Discipline::Estimate => false,
            Discipline::ClassicCodel => self.classic.on_pop(waited, now, is_last),
            Discipline::Codel | Discipline::Both => {
                let waited = Duration::from_secs_f64(waited);
                self.codel.on_pop(waited, at(now), is_last) == Sojourn::Drop
            }
        }
    }

    fn tick(&mut self, now: f64) {
        self.ended.retain(|&(end, _)| end > now - 10.0);
        let mut lengths: Vec<f64> =
            self.ended.iter().filter(|job| job.0 <= now).map(|job| job.1).collect();
        lengths.sort_by(f64::total_cmp);
        let median = lengths.get(lengths.len() / 2).map(|&length| Duration::from_secs_f64(length));
        self.estimate.tell(median, at(now));
    }
}

/// Good ends as a share of what the workers could do, in per cent.
fn goodput(discipline: Discipline, load: f64, is_random: bool, seed: u64) -> f64 {
    let mut pool = Pool::new(discipline, is_random, seed);
    let mean = SERVICE / WORKERS as f64 / load;
    let (mut arrival, mut tick) = (0.0, 0.0);
    loop {
        let end = pool.running.peek().map_or(u64::MAX, |end| end.0);
        if nanos(tick).min(nanos(arrival)).min(end) >= nanos(HORIZON) {
            break;
        }
        if nanos(tick) <= end && tick <= arrival {
            pool.tick(tick);
            tick += 1.0;
        } else if nanos(arrival) < end {
            pool.submit(arrival);
            arrival += if is_random { pool.random.exponential(mean) } else { mean };
        } else {
            pool.running.pop();
            pool.serve(end as f64 / 1e9);
        }
    }
    100.0 * pool.good as f64 / (HORIZON * WORKERS as f64 / SERVICE)
}

const DISCIPLINES: [Discipline; 5] = [
    Discipline::Fifo,
    Discipline::ClassicCodel,
    Discipline::Codel,
    Discipline::Estimate,
    Discipline::Both,
];

#[test]
fn overload_keeps_nine_tenths_of_the_goodput() {
    for is_random in [false, true] {
        for discipline in DISCIPLINES {
            let of = |load| {
                let runs = (1..=5).map(|seed| goodput(discipline, load, is_random, seed));
                runs.sum::<f64>() / 5.0
            };
            let figures = [0.8, 1.2, 2.0, 5.0].map(of);
            println!("random {is_random} {discipline:?}: {figures:.1?}");
            if discipline == Discipline::Both {
                assert!(figures[1..].iter().all(|&figure| figure >= 90.0), "{figures:?}");
                let arrived = if is_random { 75.0 } else { 79.0 };
                assert!(figures[0] >= arrived, "below capacity nothing is lost: {figures:?}");
            }
            if discipline == Discipline::Fifo && !is_random {
                assert!(figures[1..].iter().all(|&figure| figure < 10.0), "{figures:?}");
            }
        }
    }
}
