//! The typed channel: nobody sleeps beside a value or beside free space, whatever is cancelled or closed
//! meanwhile. A lost wake-up is a deadlock: no wait here has a timer to mask it, but for the one that is
//! there to be cancelled.
#![cfg(loom)]

use bifrost::queue::{Receiver, RecvError, SendError, SendTimeoutError, Sender, channel};
use bifrost::ring::Closed;
use bifrost::time::{Clock, Deadline};
use loom_tests::{Bound, Model, Note, spawn};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

/// A limit that has passed: the search puts its end wherever it likes.
const PAST: Deadline = Deadline::from_word(1);

/// Receives as a task does.
fn recv_as_task(receiver: &Receiver<u32>) -> Result<u32, RecvError> {
    Clock::monotonic().block_on(receiver.recv())
}

/// A receiver in a thread of its own, that keeps another alive.
fn receive(receiver: &Receiver<u32>, task: bool) -> loom_tests::Task<Result<u32, RecvError>> {
    let receiver = receiver.clone();
    spawn(move || if task { recv_as_task(&receiver) } else { receiver.recv_blocking() })
}

fn send(sender: &Sender<u32>, value: u32) -> loom_tests::Task<Result<(), SendError<u32>>> {
    let sender = sender.clone();
    spawn(move || sender.send_blocking(value))
}

#[test]
fn channel_wake() {
    for (task, floor) in [(false, 920), (true, 660)] {
        let model = Model::new("channel_wake").floor(floor).bound(Bound::Preemptions(3));
        model.deep(Bound::Full).witness("at once").witness("not yet").run(move |w| {
            let (sender, receiver) = channel(1);
            let consumer = receive(&receiver, task);
            assert_eq!(sender.try_send(7), Ok(()));
            w.saw(if sender.is_empty() { "at once" } else { "not yet" });
            assert_eq!(consumer.join(), Ok(7));
        });
    }
}

#[test]
fn channel_wake_two() {
    for task in [false, true] {
        let model = Model::new("channel_wake_two").floor(2000).bound(Bound::Preemptions(3));
        model.deep(Bound::Full).witness("01").run(move |w| {
            let (sender, receiver) = channel(2);
            let consumer = spawn(move || {
                [(); 2]
                    .map(|()| if task { recv_as_task(&receiver) } else { receiver.recv_blocking() })
            });
            for value in 0..2 {
                assert_eq!(sender.try_send(value), Ok(()));
            }
            assert_eq!(consumer.join(), [Ok(0), Ok(1)]);
            w.saw("01");
        });
    }
}

#[test]
fn channel_wake_two_consumers() {
    for tasks in [[false, false], [true, true], [false, true]] {
        let model =
            Model::new("channel_wake_two_consumers").floor(1400).bound(Bound::Preemptions(1));
        model.deep(Bound::Preemptions(2)).witness("0").witness("1").run(move |w| {
            let (sender, receiver) = channel(2);
            let consumers = tasks.map(|task| receive(&receiver, task));
            for value in 0..2 {
                assert_eq!(sender.try_send(value), Ok(()));
            }
            let got = consumers.map(|task| task.join().expect("nobody closes"));
            assert_eq!(got[0] + got[1], 1, "each value comes out once");
            w.saw(&got[0].to_string());
        });
    }
}

/// Two producers: the one may stand in the middle of its push when the consumer would sleep.
#[test]
fn channel_wake_busy() {
    for task in [false, true] {
        let model = Model::new("channel_wake_busy").floor(2200).bound(Bound::Preemptions(1));
        model.deep(Bound::Preemptions(2)).witness("0").witness("1").run(move |w| {
            let (sender, receiver) = channel(2);
            let producers = [send(&sender, 0), send(&sender, 1)];
            let get = || if task { recv_as_task(&receiver) } else { receiver.recv_blocking() };
            let got = [get(), get()].map(|value| value.expect("nobody closes"));
            assert_eq!(got[0] + got[1], 1, "each value comes out once");
            w.saw(&got[0].to_string());
            assert!(producers.into_iter().all(|task| task.join().is_ok()));
        });
    }
}

#[test]
fn channel_space() {
    let model = Model::new("channel_space").floor(2400).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("12").witness("21").run(|w| {
        let (sender, receiver) = channel(2);
        let mut values = VecDeque::from([0, 0]);
        assert_eq!(sender.try_send_many(&mut values), Ok(2));
        let producers = [send(&sender, 1), send(&sender, 2)];
        assert_eq!([receiver.try_recv(), receiver.try_recv()], [Ok(0); 2]);
        assert!(producers.into_iter().all(|task| task.join().is_ok()));
        let got = [(); 2].map(|()| receiver.try_recv().expect("it was sent"));
        w.saw(&format!("{}{}", got[0], got[1]));
    });
}

/// A consumer that gives up, just woken or not, beside one that does not.
#[test]
fn channel_cancel() {
    let model = Model::new("channel_cancel").floor(2900).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("gave up").witness("got it").run(|w| {
        let (sender, receiver) = channel(2);
        let theirs = receiver.clone();
        let hasty = spawn(move || theirs.recv_deadline(PAST).ok());
        let patient = receive(&receiver, false);
        assert_eq!(sender.try_send(0), Ok(()));
        let got = hasty.join();
        w.saw(if got.is_some() { "got it" } else { "gave up" });
        if got.is_some() {
            assert_eq!(sender.try_send(1), Ok(()));
        }
        assert_eq!(patient.join(), Ok(u32::from(got.is_some())));
    });
}

/// A task that is dropped while it waits, woken or not, beside a consumer that waits.
#[test]
fn channel_cancel_task() {
    let model = Model::new("channel_cancel_task").floor(5800).bound(Bound::Preemptions(2));
    model.deep(Bound::Preemptions(3)).witness("waited").witness("ready").run(|w| {
        let (sender, receiver) = channel(2);
        let patient = receive(&receiver, false);
        let producer = {
            let sender = sender.clone();
            spawn(move || sender.try_send(0))
        };
        let mut came = 0;
        {
            let mut waiting = pin!(receiver.recv());
            match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                std::task::Poll::Ready(value) => {
                    assert_eq!(value, Ok(0));
                    came = 1;
                    w.saw("ready");
                }
                std::task::Poll::Pending => w.saw("waited"),
            }
        }
        if came == 1 {
            assert_eq!(sender.try_send(1), Ok(()));
        }
        assert_eq!(patient.join(), Ok(came));
        assert_eq!(producer.join(), Ok(()));
    });
}

/// A producer that gives up, just woken or not, beside one that does not.
#[test]
fn channel_cancel_send() {
    let model = Model::new("channel_cancel_send").floor(6900).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("gave up").witness("sent").run(|w| {
        let (sender, receiver) = channel(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let theirs = sender.clone();
        let hasty = spawn(move || theirs.send_deadline(1, PAST));
        let patient = send(&sender, 2);
        assert_eq!(receiver.try_recv(), Ok(0));
        match hasty.join() {
            Ok(()) => {
                w.saw("sent");
                let first = receiver.recv_blocking().expect("nobody closes");
                assert_eq!(patient.join(), Ok(()));
                assert_eq!(receiver.try_recv(), Ok(3 - first));
            }
            Err(error) => {
                w.saw("gave up");
                assert_eq!(error, SendTimeoutError::Timeout(1));
                assert_eq!(patient.join(), Ok(()));
                assert_eq!(receiver.try_recv(), Ok(2));
            }
        }
    });
}

#[test]
fn channel_close() {
    for task in [false, true] {
        let model = Model::new("channel_close").floor(3400).bound(Bound::Preemptions(2));
        model.deep(Bound::Preemptions(3)).witness("sent").witness("refused").run(move |w| {
            let (sender, receiver) = channel(1);
            let consumer = receive(&receiver, task);
            let theirs = receiver.clone();
            let closer = spawn(move || theirs.close());
            let sent = sender.send_blocking(0);
            w.saw(if sent.is_ok() { "sent" } else { "refused" });
            assert_eq!(consumer.join().is_ok(), sent.is_ok());
            assert!(closer.join());
        });
    }
}

/// A full channel that is closed lets its blocked producers go.
#[test]
fn channel_close_full() {
    let model = Model::new("channel_close_full").floor(7100).bound(Bound::Preemptions(2));
    model.deep(Bound::Preemptions(3)).witness("refused").run(|w| {
        let (sender, receiver) = channel(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let producers = [send(&sender, 1), send(&sender, 2)];
        assert!(receiver.close());
        for (value, producer) in [1, 2].into_iter().zip(producers) {
            assert_eq!(producer.join(), Err(SendError(value)));
        }
        w.saw("refused");
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(receiver.recv_blocking(), Err(RecvError));
    });
}

/// One wake-up for a batch: whoever is woken wakes the next.
#[test]
fn channel_batch() {
    for tasks in [[false, false], [true, false]] {
        let model = Model::new("channel_batch").floor(1700).bound(Bound::Preemptions(1));
        model.deep(Bound::Preemptions(2)).witness("0").witness("1").run(move |w| {
            let (sender, receiver) = channel(2);
            let consumers = tasks.map(|task| receive(&receiver, task));
            let mut values = VecDeque::from([0, 1]);
            assert_eq!(sender.try_send_many(&mut values), Ok(2));
            let got = consumers.map(|task| task.join().expect("nobody closes"));
            assert_eq!(got[0] + got[1], 1, "each value comes out once");
            w.saw(&got[0].to_string());
        });
    }
}

/// Room for two, made by one: whoever is woken lets the next in.
#[test]
fn channel_batch_space() {
    let model = Model::new("channel_batch_space").floor(2400).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("12").witness("21").run(|w| {
        let (sender, receiver) = channel(2);
        let mut values = VecDeque::from([0, 0]);
        assert_eq!(sender.try_send_many(&mut values), Ok(2));
        let producers = [send(&sender, 1), send(&sender, 2)];
        let mut got = Vec::new();
        assert_eq!(receiver.try_recv_many(&mut got, 2), Ok(2));
        assert!(producers.into_iter().all(|task| task.join().is_ok()));
        got.clear();
        assert_eq!(receiver.try_recv_many(&mut got, 2), Ok(2));
        w.saw(&format!("{}{}", got[0], got[1]));
    });
}

/// Who sees the end sees what every sender did before it went.
#[test]
fn channel_senders_gone() {
    let model = Model::new("channel_senders_gone").floor(1880).bound(Bound::Preemptions(2));
    model.deep(Bound::Preemptions(3)).witness("both").run(|w| {
        let (sender, receiver) = channel(1);
        let notes: Arc<[Note; 2]> = Arc::default();
        let other = sender.clone();
        assert_eq!(receiver.sender_count(), 2);
        let leave = |sender: Sender<u32>, number: usize| {
            let notes = Arc::clone(&notes);
            spawn(move || {
                notes[number].write(5);
                drop(sender);
            })
        };
        let tasks = [leave(sender, 0), leave(other, 1)];
        assert_eq!(receiver.recv_blocking(), Err(RecvError));
        assert_eq!((notes[0].read(), notes[1].read()), (5, 5));
        w.saw("both");
        for task in tasks {
            task.join();
        }
    });
}

/// The last receiver takes what is inside with it, and senders learn of it.
#[test]
fn channel_receivers_gone() {
    let model = Model::new("channel_receivers_gone").floor(1400).bound(Bound::Preemptions(3));
    model.deep(Bound::Full).witness("sent").witness("refused").run(|w| {
        let (sender, receiver) = channel(1);
        let task = spawn(move || drop(receiver));
        let mut values = VecDeque::from([1, 2, 3]);
        assert_eq!(sender.send_many_blocking(&mut values, Deadline::NEVER), Err(Closed));
        w.saw(if values.len() == 3 { "refused" } else { "sent" });
        task.join();
    });
}
