//! What a sleep and its end cost in system calls: counts, which no other load on the machine changes.
//!
//! A process of its own lets a consumer sleep so many times, under `strace`, which lists its futex calls;
//! the difference between two numbers of sleeps is free of the start. The voluntary context switches of the
//! consumer are the kernel's own count, without a tracer.

use super::ends::{Channel, WaitingShape};
use super::wake::{self, pause};
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Long enough for a traced consumer to have gone to sleep.
const GAP: Duration = Duration::from_millis(5);
const FEW: usize = 5;
const MANY: usize = 25;

/// `sleeps CONTESTANT COUNT`: a consumer that sleeps before each of so many messages. Prints how often it
/// gave up its processor.
pub(crate) fn run(mut given: impl Iterator<Item = String>) -> Option<()> {
    let name = given.next()?;
    let count = given.next()?.parse().ok()?;
    let sleep = wake::by_name(&name, &Sleeping { count })?;
    println!("{}", sleep());
    Some(())
}

struct Sleeping {
    count: usize,
}

/// Every channel is made and one is asked for, so each waits until it is called.
impl WaitingShape<u64> for Sleeping {
    type Output = Box<dyn FnOnce() -> i64>;

    fn of<C: Channel<u64>>(&self, channel: C) -> Self::Output {
        let count = self.count;
        Box::new(move || sleep(channel, count))
    }
}

/// How often the consumer gave up its processor.
fn sleep(channel: impl Channel<u64>, count: usize) -> i64 {
    let (mut sender, mut receiver) = (channel.clone(), channel);
    let consumer = std::thread::spawn(move || {
        let before = switches();
        for _ in 0..count {
            receiver.recv();
        }
        switches() - before
    });
    for number in 0..count {
        pause(GAP);
        sender.send(number as u64);
    }
    consumer.join().expect("the consumer does not panic")
}

/// Voluntary context switches of this thread.
fn switches() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.voluntary_context_switches())
}

/// The calls by which a consumer goes to sleep.
pub(crate) const FUTEX_WAITS: &str = "futex waits a sleep";

/// What a sleep of this contestant costs; the calls only where `strace` can be run.
pub(crate) fn count(name: &str) -> Option<Vec<(&'static str, f64)>> {
    let sleeps = (MANY - FEW) as f64;
    let per_sleep = |few: f64, many: f64| (many - few) / sleeps;
    let mut seen = Vec::new();
    seen.push(("switches a sleep", per_sleep(untraced(name, FEW)?, untraced(name, MANY)?)));
    if let (Some(few), Some(many)) = (traced(name, FEW), traced(name, MANY)) {
        seen.push((FUTEX_WAITS, per_sleep(few.waits, many.waits)));
        seen.push(("futex wakes a sleep", per_sleep(few.wakes, many.wakes)));
    }
    Some(seen)
}

fn untraced(name: &str, count: usize) -> Option<f64> {
    let own = std::env::current_exe().ok()?;
    let output = Command::new(own).args(["sleeps", name, &count.to_string()]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[derive(Debug, PartialEq)]
struct Calls {
    waits: f64,
    wakes: f64,
}

fn traced(name: &str, count: usize) -> Option<Calls> {
    let own = std::env::current_exe().ok()?;
    let list = own.with_file_name(format!("bench-futexes-{}", std::process::id()));
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=futex", "-o"])
        .arg(&list)
        .arg(own)
        .args(["sleeps", name, &count.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let calls = status.ok().filter(std::process::ExitStatus::success).and_then(|_| read(&list));
    std::fs::remove_file(&list).unwrap_or_default();
    calls
}

fn read(list: &Path) -> Option<Calls> {
    Some(calls_in(&std::fs::read_to_string(list).ok()?))
}

/// A call that was interrupted has a second line, which has no bracket after its name.
fn calls_in(list: &str) -> Calls {
    let calls = list.lines().filter(|line| line.contains("futex("));
    let (mut waits, mut wakes) = (0.0, 0.0);
    for call in calls {
        waits += f64::from(u8::from(call.contains("FUTEX_WAIT")));
        wakes += f64::from(u8::from(call.contains("FUTEX_WAKE")));
    }
    Calls { waits, wakes }
}

#[cfg(test)]
mod tests {
    use super::{Calls, calls_in};

    #[test]
    fn a_call_that_was_interrupted_counts_once() {
        let list = "\
7 futex(0x7f, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, FUTEX_BITSET_MATCH_ANY <unfinished ...>
8 futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 1
7 <... futex resumed>)              = 0
8 +++ exited with 0 +++
";
        assert_eq!(calls_in(list), Calls { waits: 1.0, wakes: 1.0 });
    }
}
