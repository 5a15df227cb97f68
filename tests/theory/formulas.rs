//! What queueing theory says, computed and not quoted.

/// A queue with Poisson arrivals, exponential service times and first come, first served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// Servers, each with a mean service time of 1.
    pub(crate) servers: usize,
    /// Jobs that may wait; `None` for any number.
    pub(crate) room: Option<usize>,
    /// Offered load a server, the ρ of the textbooks.
    pub(crate) load: f64,
}

/// Waiting jobs beyond which a queue without limit is cut off: .9^1000 is below 1e-45.
const ENDLESS: usize = 1000;

impl Model {
    /// Arrivals in a mean service time.
    pub(crate) fn rate(&self) -> f64 {
        self.servers as f64 * self.load
    }

    /// Erlang's B formula by its recursion: the part of the time in which all servers are busy when nobody
    /// can wait.
    pub(crate) fn erlang_b(&self) -> f64 {
        let rate = self.rate();
        (1..=self.servers).fold(1.0, |b, n| rate * b / (n as f64 + rate * b))
    }

    /// Erlang's C formula: the probability that a job waits, when any number can.
    pub(crate) fn erlang_c(&self) -> f64 {
        let b = self.erlang_b();
        b / (1.0 - self.load * (1.0 - b))
    }

    /// The mean wait, when any number can wait.
    pub(crate) fn mean_wait(&self) -> f64 {
        self.erlang_c() / (self.servers as f64 * (1.0 - self.load))
    }

    /// The probability that a job finds the queue full.
    pub(crate) fn blocking(&self) -> f64 {
        // The states from "all busy" up to "full" are a geometric series with the ratio `load`.
        let waiting = |n: usize| self.load.powi(n as i32);
        let room = self.room.unwrap_or(ENDLESS);
        let b = self.erlang_b();
        let all = 1.0 - b + b * (0..=room).map(waiting).sum::<f64>();
        b * waiting(room) / all
    }

    /// The stationary distribution of the number of jobs in the system.
    fn distribution(&self) -> Vec<f64> {
        let last = self.servers + self.room.unwrap_or(ENDLESS);
        let mut weights = vec![1.0];
        for n in 1..=last {
            weights.push(weights[n - 1] * self.rate() / n.min(self.servers) as f64);
        }
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    /// The standard deviation of the mean over `jobs` arrivals of `f`, applied to the number of jobs in
    /// the system that an arrival finds: an upper bound.
    ///
    /// The mean over time of a birth-death process has the asymptotic variance
    /// `2 Σ_j (Σ_{i<=j} (f_i - f̄) π_i)² / (λ π_j)` (Burman 1980). Looking at Poisson arrivals in place of
    /// all times adds a martingale of variance `Var f / jobs`; since the two go together, their deviations
    /// are added.
    pub(crate) fn deviation(&self, jobs: usize, f: impl Fn(usize) -> f64) -> f64 {
        let (over_time, variance) = self.variances(f);
        (over_time * self.rate() / jobs as f64).sqrt() + (variance / jobs as f64).sqrt()
    }

    /// As [`deviation`](Self::deviation), of the mean wait of `jobs` jobs. By Little's law this is the mean
    /// number of waiting jobs over time, divided by the rate of the arrivals as they came.
    pub(crate) fn deviation_of_wait(&self, jobs: usize) -> f64 {
        let waiting = |n: usize| n.saturating_sub(self.servers) as f64;
        let (over_time, _) = self.variances(waiting);
        let rate = self.rate();
        (over_time * rate / jobs as f64).sqrt() / rate + self.mean_wait() / (jobs as f64).sqrt()
    }

    /// The asymptotic variance of the mean of `f` over time, and the variance of `f` itself.
    fn variances(&self, f: impl Fn(usize) -> f64) -> (f64, f64) {
        let weights = self.distribution();
        let mean: f64 = weights.iter().enumerate().map(|(n, weight)| weight * f(n)).sum();
        let centred = |n: usize| (f(n) - mean) * weights[n];
        let variance = weights.iter().enumerate().map(|(n, weight)| weight * (f(n) - mean).powi(2));
        // The sum over all is 0: each half is added up from its own thin end, where the other's rounding
        // errors would be larger than the value.
        let add = |sum: &mut f64, n: usize| {
            *sum += centred(n);
            Some(*sum)
        };
        let lower = (0..self.servers).scan(0.0, add);
        let mut upper: Vec<f64> = (self.servers + 1..weights.len()).rev().scan(0.0, add).collect();
        upper.reverse();
        let sums = lower.chain(upper.iter().map(|sum| -sum));
        let steps = sums.zip(&weights);
        let over_time = steps.map(|(sum, weight)| 2.0 * sum * sum / (self.rate() * weight)).sum();
        (over_time, variance.sum())
    }
}
