//! The limiter against a reference, against threads, and against simulated upstreams (S31).

use super::{LimitPermit, Limiter};
use crate::sync::{Arc, thread};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

/// Seeded; splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What is on its way to an upstream, and how the upstream answers.
struct World {
    upstream: Upstream,
    random: Random,
    now: f64,
    in_flight: u32,
    /// Ends in nanoseconds, with the number of the job.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    jobs: Vec<Option<(LimitPermit, f64, bool)>>,
    limiter: Arc<Limiter>,
    served: u64,
    refused_by_upstream: u64,
    latencies: f64,
}

#[derive(Clone, Copy)]
struct Upstream {
    /// The latency without load, in seconds, now.
    base: f64,
    /// How many it serves without a queue; beyond that latency grows in proportion.
    knee: u32,
    /// How many it takes before it answers 429.
    most: u32,
}

impl World {
    fn new(upstream: Upstream, limiter: Arc<Limiter>, seed: u64) -> Self {
        Self {
            upstream,
            random: Random(seed),
            now: 0.0,
            in_flight: 0,
            ends: BinaryHeap::new(),
            jobs: Vec::new(),
            limiter,
            served: 0,
            refused_by_upstream: 0,
            latencies: 0.0,
        }
    }

    /// Sends a job, if the limiter lets it go.
    fn send(&mut self) -> bool {
        let Some(permit) = self.limiter.acquire() else { return false };
        let is_refused = self.in_flight >= self.upstream.most;
        let noise = 0.8 + 0.4 * self.random.unit();
        let latency = if is_refused {
            0.05 * self.upstream.base
        } else {
            self.in_flight += 1;
            let queue = f64::from(self.in_flight) / f64::from(self.upstream.knee);
            self.upstream.base * noise * queue.max(1.0)
        };
        let end = ((self.now + latency) * 1e9) as u64;
        self.ends.push(Reverse((end, self.jobs.len())));
        self.jobs.push(Some((permit, latency, is_refused)));
        true
    }

    fn next_end(&self) -> f64 {
        self.ends.peek().map_or(f64::INFINITY, |end| end.0.0 as f64 / 1e9)
    }

    /// The next job ends.
    fn end(&mut self) {
        let Some(Reverse((end, job))) = self.ends.pop() else { return };
        self.now = end as f64 / 1e9;
        let Some((permit, latency, is_refused)) = self.jobs[job].take() else { return };
        if is_refused {
            self.refused_by_upstream += 1;
            permit.overloaded();
        } else {
            self.in_flight -= 1;
            self.served += 1;
            self.latencies += latency;
            permit.succeeded(Duration::from_secs_f64(latency));
        }
    }

    /// As many as may are always on their way, until `until`.
    fn closed_loop(&mut self, until: f64) {
        while self.now < until {
            while self.send() {}
            self.end();
        }
    }

    /// Jobs come at `rate`, evenly; those that may not go are lost. How many came and how many went.
    fn open_loop(&mut self, rate: f64, until: f64) -> (u64, u64) {
        let (mut came, mut went) = (0, 0);
        let mut arrival = self.now;
        while self.now < until {
            if self.next_end() <= arrival {
                self.end();
            } else {
                self.now = arrival;
                came += 1;
                went += u64::from(self.send());
                arrival += 1.0 / rate;
            }
        }
        (came, went)
    }

    fn forget(&mut self) {
        (self.served, self.refused_by_upstream, self.latencies) = (0, 0, 0.0);
    }

    fn report(&self, name: &str, seconds: f64, optimum: f64) -> [f64; 3] {
        let throughput = 100.0 * self.served as f64 / seconds / optimum;
        let latency = self.latencies / self.served as f64 / self.upstream.base;
        let all = self.served + self.refused_by_upstream;
        let refused = 100.0 * self.refused_by_upstream as f64 / all as f64;
        let limit = self.limiter.limit();
        println!(
            "{name}: {throughput:.1} % of the optimum, {latency:.2} x, {refused:.2} % 429, limit {limit}"
        );
        [throughput, latency, refused]
    }
}

const SECONDS: f64 = 600.0;

/// The limiter after a minute's start.
fn run(name: &str, upstream: Upstream, initial: u16) -> [f64; 3] {
    let mut world = World::new(upstream, Limiter::new(1, 1_000, initial), 7);
    world.closed_loop(60.0);
    world.forget();
    world.closed_loop(60.0 + SECONDS);
    let optimum = f64::from(upstream.knee.min(upstream.most)) / upstream.base;
    world.report(name, SECONDS, optimum)
}

#[test]
fn an_upstream_that_gets_slow_is_used_to_the_full_and_not_beyond() {
    for (knee, initial) in [(40, 10), (40, 400), (10, 1), (200, 50)] {
        let upstream = Upstream { base: 0.1, knee, most: u32::MAX };
        let [throughput, latency, _] =
            run(&format!("knee {knee} from {initial}"), upstream, initial);
        assert!(throughput >= 95.0 && latency <= 2.5);
    }
}

#[test]
fn an_upstream_that_says_429_is_used_to_the_full_and_hardly_provoked() {
    for (most, initial) in [(50, 10), (50, 400), (20, 20), (300, 100)] {
        let upstream = Upstream { base: 0.1, knee: u32::MAX, most };
        let [throughput, latency, refused] =
            run(&format!("429 at {most} from {initial}"), upstream, initial);
        assert!(throughput >= 95.0 && latency <= 2.5 && refused <= 3.0);
    }
}

#[test]
fn a_latency_that_has_tripled_for_good_is_taken_for_the_new_one() {
    for rate in [50.0, 200.0, 1_000.0] {
        let upstream = Upstream { base: 0.1, knee: u32::MAX, most: u32::MAX };
        let mut world = World::new(upstream, Limiter::new(1, 1_000, 20), 3);
        world.open_loop(rate, 120.0);
        world.upstream.base = 0.3;
        let (came, went) = world.open_loop(rate, 720.0);
        let served = 100.0 * went as f64 / came as f64;
        println!("tripled at {rate}/s: {served:.1} % served, limit {}", world.limiter.limit());
        assert!(served >= 90.0);
    }
}

#[test]
fn a_permit_dropped_by_a_cancelled_job_is_given_back() {
    let limiter = Limiter::new(1, 10, 1);
    for _ in 0..100 {
        let permit = limiter.acquire().expect("the one before was given back");
        assert!(limiter.acquire().is_none());
        // As a future that is dropped in the middle, or a worker that unwinds.
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = permit;
            std::panic::resume_unwind(Box::new(()));
        })));
    }
    assert_eq!((limiter.in_flight(), limiter.limit()), (0, 1));
}

#[test]
fn a_limit_below_what_is_in_flight_lets_nobody_in_until_enough_have_left() {
    let limiter = Limiter::new(1, 10, 10);
    let mut permits: Vec<_> = std::iter::from_fn(|| limiter.acquire()).collect();
    assert_eq!(permits.len(), 10);
    limiter.set_bounds(1, 4);
    for left in (4..10).rev() {
        assert!(limiter.acquire().is_none(), "{left} would be left");
        permits.pop();
        assert_eq!(limiter.in_flight(), left);
    }
    assert!(limiter.acquire().is_none());
    permits.pop();
    assert!(limiter.acquire().is_some());
}

#[test]
fn failures_of_one_epoch_cut_once() {
    let limiter = Limiter::new(1, 100, 100);
    let permits: Vec<_> = std::iter::from_fn(|| limiter.acquire()).collect();
    permits.into_iter().for_each(LimitPermit::overloaded);
    assert_eq!((limiter.limit(), limiter.in_flight()), (90, 0));
    for _ in 0..1_000 {
        limiter.acquire().expect("nothing is in flight").overloaded();
    }
    assert_eq!(limiter.limit(), 1, "never below the least");
}

#[test]
fn eight_threads_never_have_more_in_flight_than_the_limit() {
    let limiter = Limiter::new(1, 5, 5);
    let busy = Arc::new(crate::sync::atomic::AtomicU64::new(0));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (limiter, busy) = (Arc::clone(&limiter), Arc::clone(&busy));
            thread::spawn("caller", move || {
                for round in 0..5_000 {
                    let Some(permit) = limiter.acquire() else { continue };
                    let beside = busy.fetch_add(1, crate::sync::atomic::Ordering::Relaxed);
                    assert!(beside < 5, "{beside} others");
                    busy.fetch_sub(1, crate::sync::atomic::Ordering::Relaxed);
                    match (round + n) % 4 {
                        0 => permit.overloaded(),
                        1 => drop(permit),
                        _ => permit.succeeded(MILLI),
                    }
                }
            })
            .unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(limiter.in_flight(), 0);
}

/// What the limiter promises, said once more: permits know by a mark whether a cut came after them.
struct Reference {
    limit: u64,
    successes: u64,
    ceiling: Option<u64>,
    bounds: (u64, u64),
    /// Whether each permit that is out is of the present epoch.
    current: Vec<bool>,
}

impl Reference {
    fn set(&mut self, limit: u64) {
        self.limit = limit.clamp(self.bounds.0, self.bounds.1);
        self.successes = 0;
        self.current.fill(false);
    }

    fn overloaded(&mut self, permit: usize) {
        if self.current[permit] {
            self.ceiling = Some(self.limit);
            // Nine tenths, rounded up, and one less at least.
            self.set((self.limit * 9).div_ceil(10).min(self.limit - 1));
        }
        self.current.swap_remove(permit);
    }

    fn succeeded(&mut self, permit: usize) {
        if self.current.len() as u64 * 2 >= self.limit && self.limit < self.bounds.1 {
            let far = |ceiling: &u64| self.limit + (ceiling / 32).max(3) < *ceiling;
            let step = match self.ceiling {
                Some(ceiling) if self.limit + 1 == ceiling => self.limit.max(64),
                Some(ceiling) if far(&ceiling) => self.limit / 4,
                _ => self.limit,
            };
            self.successes += 1;
            if self.successes >= step {
                (self.limit, self.successes) = (self.limit + 1, 0);
            }
        }
        self.current.swap_remove(permit);
    }
}

#[test]
fn ten_thousand_random_histories_agree_with_the_reference() {
    let mut random = Random(2_026);
    for case in 0..10_000 {
        let max = 2 + random.below(60);
        let initial = 1 + random.below(max);
        let limiter = Limiter::new(1, max as u16, initial as u16);
        let mut reference = Reference {
            limit: initial,
            successes: 0,
            ceiling: None,
            bounds: (1, max),
            current: Vec::new(),
        };
        let mut permits = Vec::new();
        for step in 0..150 {
            let one = random.below(permits.len().max(1) as u64) as usize;
            match random.below(20) {
                0 if !permits.is_empty() => {
                    drop(permits.swap_remove(one));
                    reference.current.swap_remove(one);
                }
                1 if !permits.is_empty() => {
                    LimitPermit::overloaded(permits.swap_remove(one));
                    reference.overloaded(one);
                }
                2 if random.below(10) == 0 => {
                    let (min, span) = (1 + random.below(9), random.below(50));
                    limiter.set_bounds(min as u16, (min + span) as u16);
                    reference.bounds = (min, min + span);
                    reference.set(reference.limit);
                }
                3..=9 if !permits.is_empty() => {
                    LimitPermit::succeeded(permits.swap_remove(one), MILLI);
                    reference.succeeded(one);
                }
                _ => {
                    let may = (reference.current.len() as u64) < reference.limit;
                    let permit = limiter.acquire();
                    assert_eq!(permit.is_some(), may, "case {case}, step {step}");
                    reference.current.extend(permit.as_ref().map(|_| true));
                    permits.extend(permit);
                }
            }
            let seen = (u64::from(limiter.limit()), usize::from(limiter.in_flight()));
            let expected = (reference.limit, reference.current.len());
            assert_eq!(seen, expected, "case {case}, step {step}");
        }
    }
}
