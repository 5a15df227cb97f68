//! How many retries and hedges a provider's jobs may cause: a share of its requests, and a few (S29).
//!
//! Algorithm: a token bucket whose deposits are not made. A request would pay a fifth of a token, which is a
//! contended write a request; but requests are counted anyway, each thread for itself. So the word keeps the
//! count up to which requests have been paid for (the *mark*), and whoever withdraws pays for those since.
//! What is saved fades over ten seconds down to the first few, or an hour without a failure would pay for a
//! storm of retries when the backend breaks.
//!
//! The word: mark, 30 bits, modulo; tokens in hundredths, 24 bits; second of the last payment, 10 bits, modulo.
//!
//! Invariants: 1. the mark never falls behind, so a request is paid for once. 2. Tokens left and withdrawn
//! are never more than the first few and the share of the requests up to the mark: whatever is rounded or
//! fades, fades downwards. So a backend that always fails sees no more than (1 + share) * requests + the
//! first few. 3. A count that is older than the mark pays nothing.
//!
//! Progress: lock-free; an exchange fails only when another has withdrawn or paid.
//!
//! **Edges.** None: the word publishes nothing. Models: `budget_last_token`, `budget_three`, `budget_pays_once`,
//! `budget_settle`.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Instant;

/// A whole token in the word's units, so that a percent of a request's worth is one.
const TOKEN: u64 = 100;
const TOKEN_BITS: u32 = 24;
const SECOND_BITS: u32 = 10;
const MOST_TOKENS: u64 = (1 << TOKEN_BITS) - 1;
const SECONDS: u64 = (1 << SECOND_BITS) - 1;
const MARKS: u64 = u64::MAX >> (TOKEN_BITS + SECOND_BITS);
/// How far a count and a time may lie behind what another thread has paid with.
const LATE_REQUESTS: u64 = 1 << 24;
const LATE_SECONDS: u64 = 16;
/// What is left of savings after a second: 1/e after ten.
const KEPT: f64 = 0.904_837_418_035_959_5;

/// The retries that are left to a provider, hedges among them.
#[derive(Debug)]
pub struct RetryBudget {
    word: AtomicU64,
    share: u64,
    first: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    mark: u64,
    tokens: u64,
    second: u64,
}

impl Account {
    const fn word(self) -> u64 {
        (self.mark & MARKS) << (TOKEN_BITS + SECOND_BITS)
            | self.tokens << SECOND_BITS
            | self.second & SECONDS
    }

    const fn of(word: u64) -> Self {
        let (mark, tokens) = (word >> (TOKEN_BITS + SECOND_BITS), word >> SECOND_BITS);
        Self { mark, tokens: tokens & MOST_TOKENS, second: word & SECONDS }
    }
}

/// How far `now` is past `then`, both modulo `mask + 1`; 0 if it is up to `late` behind.
const fn advance(then: u64, now: u64, mask: u64, late: u64) -> u64 {
    let ahead = now.wrapping_sub(then) & mask;
    if ahead > mask - late { 0 } else { ahead }
}

impl RetryBudget {
    /// A budget of `percent` of the requests, at most 100, that come after the first `requests`, and the
    /// `first` few.
    pub fn new(percent: u32, first: u32, requests: u64) -> Self {
        let first = (u64::from(first) * TOKEN).min(MOST_TOKENS);
        let start = Account { mark: requests, tokens: first, second: 0 };
        Self { word: AtomicU64::new(start.word()), share: u64::from(percent.min(100)), first }
    }

    /// Takes a token, if there is one. `requests` is how many first attempts the provider has made in all,
    /// or has made a moment ago.
    #[must_use]
    pub fn withdraw(&self, requests: u64, now: Instant) -> bool {
        // ORDERING: Relaxed, here and below: the word is all there is, and publishes nothing.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let paid = self.pay(Account::of(word), requests, now);
            let Some(tokens) = paid.tokens.checked_sub(TOKEN) else { return false };
            let next = Account { tokens, ..paid }.word();
            // ORDERING: as above.
            match self.word.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(found) => word = found,
            }
        }
    }

    /// How many tokens there are.
    pub fn available(&self, requests: u64, now: Instant) -> u64 {
        // ORDERING: Relaxed: a figure.
        let word = self.word.load(Ordering::Relaxed);
        self.pay(Account::of(word), requests, now).tokens / TOKEN
    }

    /// Pays for the requests up to now, for the tick: it keeps 2^30 of them, or 17 minutes,
    /// from coming between two withdrawals.
    pub fn settle(&self, requests: u64, now: Instant) {
        // ORDERING: Relaxed: as in `withdraw`.
        let word = self.word.load(Ordering::Relaxed);
        let next = self.pay(Account::of(word), requests, now).word();
        if next != word {
            // ORDERING: Relaxed, both: as in `withdraw`. If it fails another has paid.
            let _ = self.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn pay(&self, account: Account, requests: u64, now: Instant) -> Account {
        let second = now.as_nanos() / 1_000_000_000;
        // Threads come with counts and times that they read before others paid: these are behind.
        let elapsed = advance(account.second, second, SECONDS, LATE_SECONDS);
        let new = advance(account.mark, requests, MARKS, LATE_REQUESTS);
        if new == 0 && elapsed == 0 {
            return account;
        }
        let (old, deposit) = (account.tokens, new * self.share);
        let saved = old.saturating_sub(self.first);
        // What fills up to the first few does not fade.
        let earned = (old + deposit).saturating_sub(self.first).saturating_sub(saved);
        let kept = KEPT.powf(elapsed as f64);
        // As if the requests had come evenly since the last payment: the mean of what is kept of each.
        let earned_kept =
            if elapsed == 0 { 1.0 } else { (1.0 - kept) / (elapsed as f64 * (1.0 - KEPT)) };
        let faded = saved as f64 * kept + earned as f64 * earned_kept;
        let tokens = (old + deposit).min(self.first) + faded as u64;
        let tokens = tokens.min(old + deposit).min(MOST_TOKENS);
        Account { mark: account.mark + new, tokens, second: account.second + elapsed }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Account, KEPT, MARKS, MOST_TOKENS, RetryBudget, SECONDS};
    use crate::sync::atomic::{AtomicU64, Ordering};
    use crate::sync::{Arc, thread};
    use crate::time::Instant;
    use std::time::Duration;

    fn at(seconds: f64) -> Instant {
        Instant::ZERO + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn there_are_three_and_a_fifth_of_the_requests() {
        let budget = RetryBudget::new(20, 3, 0);
        assert_eq!((0..5).filter(|_| budget.withdraw(0, at(0.0))).count(), 3);
        assert!(!budget.withdraw(4, at(0.0)));
        assert!(budget.withdraw(5, at(0.0)));
        assert!(!budget.withdraw(9, at(0.0)));
        assert_eq!(budget.available(1_000, at(0.0)), 199);
    }

    #[test]
    fn what_is_saved_fades_and_the_first_few_stay() {
        let budget = RetryBudget::new(20, 3, 0);
        budget.settle(1_000, at(0.0));
        let available = |now| budget.available(1_000, at(now));
        assert_eq!((available(0.9), available(1.0), available(10.0)), (203, 183, 76));
        assert_eq!((available(60.0), available(500.0)), (3, 3));
    }

    #[test]
    fn an_hour_without_a_failure_pays_for_no_storm() {
        let budget = RetryBudget::new(20, 3, 0);
        for second in 0..3_600 {
            budget.settle(second * 1_000, at(second as f64));
        }
        let saved = budget.available(3_599_000, at(3_599.0));
        assert!((1_900..2_200).contains(&saved), "a fifth of ten seconds and a bit: {saved}");
        let unsettled = RetryBudget::new(20, 3, 0);
        let saved = unsettled.available(360_000, at(360.0));
        assert!((1_900..2_200).contains(&saved), "the same without a tick: {saved}");
    }

    #[test]
    fn late_readers_neither_pay_twice_nor_fade_what_is_saved() {
        let budget = RetryBudget::new(100, 0, MARKS - 1);
        budget.settle(MARKS - 1, at(900.0));
        budget.settle(MARKS - 1, at(1_023.0));
        budget.settle(MARKS + 9, at(1_023.5));
        assert_eq!(budget.available(MARKS - 1, at(1_022.0)), 10);
        budget.settle(MARKS - 1, at(1_022.0));
        budget.settle(MARKS + 9, at(1_023.9));
        assert_eq!(budget.available(MARKS + 9, at(1_023.9)), 10);
        assert_eq!(budget.available(MARKS + 9, at(1_024.0)), 9, "over the wrap of the seconds");
    }

    #[test]
    fn an_account_survives_the_way_through_the_word() {
        for account in [
            Account { mark: 0, tokens: 0, second: 0 },
            Account { mark: MARKS, tokens: MOST_TOKENS, second: SECONDS },
            Account { mark: 77, tokens: 300, second: 5 },
        ] {
            assert_eq!(Account::of(account.word()), account);
        }
    }

    #[test]
    fn a_backend_that_always_fails_sees_no_more_than_its_budget() {
        const THREADS: u64 = 8;
        const REQUESTS: u64 = 5_000;
        let shared = Arc::new((RetryBudget::new(20, 3, 0), AtomicU64::new(0)));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn("caller", move || {
                    let (budget, requests) = &*shared;
                    let mut attempts = 0;
                    for _ in 0..REQUESTS {
                        let made = requests.fetch_add(1, Ordering::Relaxed) + 1;
                        // Two retries at most; all fail. Ten thousand requests a second.
                        let now = Instant::from_nanos(made * 100_000);
                        let retries = (0..2).take_while(|_| budget.withdraw(made, now)).count();
                        attempts += 1 + retries as u64;
                    }
                    attempts
                })
                .unwrap()
            })
            .collect();
        let attempts: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let requests = THREADS * REQUESTS;
        assert!(attempts <= requests + requests / 5 + 3, "{attempts} attempts");
        assert!(attempts >= requests + requests / 5 - 100, "it is used: {attempts} attempts");
    }

    /// The bucket with an exact count and no rounding, second by second.
    struct Reference {
        share: f64,
        first: f64,
        few: f64,
        saved: f64,
        requests: u64,
        second: u64,
    }

    impl Reference {
        fn pay(&mut self, requests: u64, second: u64) {
            let (new, seconds) = (requests - self.requests, second - self.second);
            let mut deposit = new as f64 * self.share;
            let filling = deposit.min(self.first - self.few);
            self.few += filling;
            deposit -= filling;
            if seconds == 0 {
                self.saved += deposit;
            }
            for _ in 0..seconds {
                self.saved = self.saved * KEPT + deposit / seconds as f64;
            }
            (self.requests, self.second) = (requests, second);
        }

        fn take(&mut self) {
            let from_saved = self.saved.min(1.0);
            self.saved -= from_saved;
            self.few -= 1.0 - from_saved;
        }
    }

    #[test]
    fn ten_thousand_random_histories_agree_with_the_exact_bucket() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut below = move |end: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % end
        };
        for case in 0..10_000 {
            let (percent, first) = (below(101) as u32, below(5) as u32);
            let mut requests = below(1 << 40);
            let (start, mut nanos) = (requests, 0_u64);
            let budget = RetryBudget::new(percent, first, requests);
            let mut exact = Reference {
                share: f64::from(percent) / 100.0,
                first: f64::from(first),
                few: f64::from(first),
                saved: 0.0,
                requests,
                second: 0,
            };
            let mut withdrawn = 0;
            for step in 1..=40_u32 {
                requests += below(2) * below(60);
                nanos += below(3) * below(2_000_000_000);
                let slack = f64::from(step) * 0.011;
                exact.pay(requests, nanos / 1_000_000_000);
                let tokens = exact.few + exact.saved;
                if budget.withdraw(requests, Instant::from_nanos(nanos)) {
                    assert!(tokens > 1.0 - 1e-6, "case {case}: {tokens} tokens");
                    exact.take();
                    withdrawn += 1;
                } else {
                    assert!(tokens < 1.0 + slack, "case {case}: refused with {tokens} tokens");
                    budget.settle(requests, Instant::from_nanos(nanos));
                }
                let bound = u64::from(first) * 100 + u64::from(percent) * (requests - start);
                assert!(withdrawn * 100 <= bound, "case {case}");
            }
        }
    }
}
