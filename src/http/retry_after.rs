//! When the upstream wants to be asked again: Retry-After in both forms, and what a response says about its key.

use std::time::Duration;

use super::HttpResponse;
use crate::state::KeyResult;

const DAY: u64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl HttpResponse {
    /// How long the response asks to wait: its Retry-After in seconds, or as a date, which is compared with
    /// the response's own date and so needs no clock that agrees with the upstream's. Without such a date it is
    /// compared with `wall`, the time since 1970. A date that has passed is zero.
    ///
    /// `None` without the header, when it is neither form, and for a date that there is nothing to compare with.
    pub fn retry_after(&self, wall: Option<Duration>) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let until = date(value)?;
        let own = self.header("date").and_then(|value| date(value.trim()));
        let now = own.map(Duration::from_secs).or(wall)?;
        Some(Duration::from_secs(until).saturating_sub(now))
    }

    /// What the response says about the key that it was got with.
    pub fn key_result(&self, wall: Option<Duration>) -> KeyResult {
        KeyResult::from_status(self.status, self.retry_after(wall))
    }
}

/// The seconds since 1970 of a date in one of the three forms of RFC 9110, 5.6.7.
fn date(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, number(year, 4)?, time),
        [_, date, time, "GMT"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, number(parts.next()?, 2)?);
            // Two digits: a year of the last century rather than one more than half a century ahead.
            (day, month, year + if year < 70 { 2_000 } else { 1_900 }, time)
        }
        [_, month, day, time, year] => (day, month, number(year, 4)?, time),
        _ => return None,
    };
    let day = number(day, day.len().clamp(1, 2))?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    if year < 1_970 || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day)? * DAY + seconds(time)?)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn seconds(time: &str) -> Option<u64> {
    let mut parts = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let legal = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    legal.then_some(hour * 3_600 + minute * 60 + second)
}

/// The days from 1970 to this one: years begin in March, so that the leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::date;
    use crate::http::{Headers, HttpResponse};
    use crate::state::KeyResult;
    use std::time::Duration;

    fn asks(headers: &[(&str, &str)], wall: Option<u64>) -> Option<u64> {
        let mut all = Headers::new();
        headers.iter().for_each(|(name, value)| all.push(name, value.as_bytes()));
        let response = HttpResponse::new(429, all, "");
        response.retry_after(wall.map(Duration::from_secs)).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_in_seconds() {
        assert_eq!(asks(&[("retry-after", " 120 ")], None), Some(120));
        assert_eq!(asks(&[("retry-after", "0")], None), Some(0));
        assert_eq!(asks(&[("retry-after", "99999999999999999999999")], None), Some(u64::MAX));
        for bad in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(asks(&[("retry-after", bad)], Some(1)), None, "{bad}");
        }
        assert_eq!(asks(&[], None), None);
    }

    #[test]
    fn retry_after_as_a_date_is_counted_from_the_date_of_the_response() {
        let until = ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT");
        let date = ("date", "Fri, 31 Dec 1999 23:59:00 GMT");
        assert_eq!(asks(&[until, date], Some(5)), Some(59));
        assert_eq!(asks(&[until], Some(946_684_790)), Some(9));
        assert_eq!(asks(&[until], Some(946_684_900)), Some(0), "a date that has passed");
        assert_eq!(asks(&[until], None), None);
        assert_eq!(asks(&[until, ("date", "today")], Some(946_684_790)), Some(9));
    }

    #[test]
    fn the_three_forms_of_a_date_are_one_instant() {
        let forms = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ];
        assert_eq!(forms.map(date), [Some(784_111_777); 3]);
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(date("Tue, 01 Mar 2044 00:00:00 GMT"), Some(2_340_403_200));
        assert_eq!(date("Monday, 01-Jan-35 00:00:00 GMT"), Some(2_051_222_400));
    }

    #[test]
    fn what_is_no_date_is_none() {
        let bad = [
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nou 1994 08:49:37 GMT",
            "Sun, 06 Nov 19944 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sunday, 06-Nov 08:49:37 GMT",
            "Sun, \u{661}\u{661} Nov 1994 08:49:37 GMT",
            "Sun, 999999999999999999999 Nov 1994 08:49:37 GMT",
            "",
            "GMT",
        ];
        for text in bad {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_response_says_what_it_means_for_its_key() {
        let mut headers = Headers::new();
        headers.push("retry-after", b"7");
        let wait = Some(Duration::from_secs(7));
        let of = |status| HttpResponse::new(status, headers.clone(), "").key_result(None);
        assert_eq!(of(429), KeyResult::RateLimited { retry_after: wait });
        assert_eq!(of(200), KeyResult::Ok { tokens: None });
        assert_eq!(of(403), KeyResult::Unauthorized);
    }
}
