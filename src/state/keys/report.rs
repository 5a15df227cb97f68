//! What the end of a request does to its key.
//!
//! | report | of the present generation | of an earlier one (the key was refused meanwhile) |
//! |---|---|---|
//! | ok | one step up, of 16 | nothing |
//! | 429 | cools down, streak + 1 | `until` is raised if that is later; kind and streak stay |
//! | 402 | rests, `Quota` | the same |
//! | 401, 403 | `Disabled` | nothing: the present secret has not been refused yet, or is already |
//! | 5xx, ignored | nothing | nothing |
//!
//! A probe decides what becomes of its key: ok opens it at the lowest level, 429 and 402 as above, a refusal
//! disables it for twice as long, and what says nothing about the key disables it for as long as at first. The
//! successes of many requests in a row bring a key back; the streak is forgotten with the last step, so that a key
//! that is refused again and again while it recovers waits longer each time.
//!
//! **Progress.** Lock-free. A success of a key with its whole share writes nothing.
//! Models: `keys_recover`, `keys_probe_reports`, `keys_probe_given_up`, `keys_quota`.

use std::time::Duration;

use super::key::{Grant, Key};
use super::outcome::KeyResult;
use super::terms::{KeyOptions, Terms, Waits, nanos, scatter};
use super::word::{Kind, Word};
use crate::sync::atomic::Ordering;

impl Key {
    /// Takes the report of a lease that is still held.
    pub(super) fn report(
        &self,
        now: u64,
        grant: Grant,
        terms: &Terms,
        options: &KeyOptions,
        result: KeyResult,
    ) {
        match result {
            KeyResult::Ok { tokens } => {
                self.correct(now, grant, tokens.and_then(|tokens| terms.tokens(tokens)));
                self.succeeded(grant);
            }
            KeyResult::RateLimited { retry_after } => {
                // ORDERING: Relaxed, a figure.
                self.rate_limited.fetch_add(1, Ordering::Relaxed);
                self.limited(now, grant, options, retry_after);
            }
            KeyResult::Quota { retry_after } => {
                let rest = options.quota.max(retry_after.unwrap_or_default());
                self.change(|word| {
                    let kind =
                        if refused_by_upstream(word, grant) { word.kind() } else { Kind::Quota };
                    Some((word.refused(kind, word.streak()), now.saturating_add(nanos(rest))))
                });
            }
            KeyResult::Unauthorized => self.unauthorized(now, grant, options.probe),
            KeyResult::ServerError | KeyResult::Ignored if grant.probe => {
                let rest = self.wait(options.probe, 0, grant.generation);
                self.change(|word| {
                    Some((word.refused(Kind::Disabled, word.streak()), now.saturating_add(rest)))
                });
            }
            KeyResult::ServerError | KeyResult::Ignored => {}
        }
    }

    /// Puts the tokens' estimate right.
    fn correct(&self, now: u64, grant: Grant, used: Option<u64>) {
        match used {
            Some(used) if used > grant.charged => self.tokens.charge(now, used - grant.charged),
            Some(used) if used < grant.charged => {
                self.tokens.refund(now, grant.charged - used, grant.occupied);
            }
            _ => {}
        }
    }

    fn succeeded(&self, grant: Grant) {
        self.change(|word| {
            if grant.probe {
                return Some((word.refused(Kind::Open, 0), 0));
            }
            let recovers = word.generation() == grant.generation && word.level() < Word::FULL;
            recovers.then(|| (word.recovered_a_step(), 0))
        });
    }

    fn limited(&self, now: u64, grant: Grant, options: &KeyOptions, asked: Option<Duration>) {
        let asked = asked.filter(|wait| !wait.is_zero()).map(nanos);
        self.change(|word| {
            let present = is_present(word, grant);
            let streak = if present { word.streak() } else { word.streak().saturating_sub(1) };
            let wait =
                asked.unwrap_or_else(|| self.wait(options.backoff, streak, word.generation()));
            let next = match present {
                true => word.refused(Kind::Open, streak + 1),
                false => word.refused(word.kind(), word.streak()),
            };
            Some((next, now.saturating_add(wait)))
        });
    }

    fn unauthorized(&self, now: u64, grant: Grant, waits: Waits) {
        self.change(|word| {
            let streak = match grant.probe {
                true => word.streak(),
                false if word.generation() == grant.generation => 0,
                false => return None,
            };
            let wait = self.wait(waits, streak, word.generation());
            Some((word.refused(Kind::Disabled, streak + 1), now.saturating_add(wait)))
        });
    }

    /// The first wait doubled `streak` times, up to the longest, and up to half as long again: a number drawn by
    /// key and generation, so that keys and processes do not come back together.
    pub(super) fn wait(&self, waits: Waits, streak: u32, generation: u32) -> u64 {
        let doubled = nanos(waits.first).saturating_mul(1 << streak.min(31));
        let wait = doubled.min(nanos(waits.longest));
        let drawn = scatter(self.salt ^ u64::from(generation));
        wait.saturating_add(((u128::from(wait / 2) * u128::from(drawn)) >> 64) as u64)
    }
}

/// Whether the report is about the key as it is now.
fn is_present(word: Word, grant: Grant) -> bool {
    grant.probe || word.generation() == grant.generation
}

/// Whether only a probe may say that the key is open again, and this is not it.
fn refused_by_upstream(word: Word, grant: Grant) -> bool {
    !grant.probe && matches!(word.kind(), Kind::Disabled | Kind::Probing)
}
