//! The typed channel (S51) as behaviours: under each executor, between threads, and on the test clock.

use bifrost::queue::{
    Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError, channel, channel_with_clock,
};
use bifrost::ring::Closed;
use bifrost::time::{Deadline, Instant, TestClock};
use futures_lite::future::{block_on, poll_once, yield_now, zip};
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How long a test may take on a busy machine before it counts as hung.
const HUNG: Duration = Duration::from_secs(60);

/// Shows a behaviour under each executor.
fn everywhere<F: Future<Output = ()> + Send + 'static>(behaviour: fn() -> F) {
    block_on(behaviour());
    smol::block_on(smol::spawn(behaviour()));
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
    tokio.block_on(behaviour());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let tokio = tokio.expect("tokio starts");
    tokio.block_on(async { tokio::spawn(behaviour()).await.expect("it does not panic") });
}

/// Runs `f` on a thread of its own and fails when it hangs.
fn watched(f: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        f();
        sender.send(()).unwrap_or_default();
    });
    match receiver.recv_timeout(HUNG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().expect("it does not panic"),
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Futures that wait, and how often each was woken.
struct Waiting<F> {
    futures: Vec<Option<Pin<Box<F>>>>,
    counts: Vec<Arc<Count>>,
}

impl<F: Future> Waiting<F> {
    /// Polls each future once; each has to wait.
    fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let counts = futures.iter().map(|_| Arc::default()).collect();
        let mut waiting = Self { futures, counts };
        for at in 0..waiting.futures.len() {
            assert!(waiting.poll(at).is_pending(), "it waits");
        }
        waiting
    }

    fn poll(&mut self, at: usize) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.counts[at]));
        let future = self.futures[at].as_mut().expect("it was not dropped");
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.futures[at] = None;
        }
        polled
    }

    fn drop(&mut self, at: usize) {
        self.futures[at] = None;
    }

    fn woken(&self) -> Vec<usize> {
        self.counts.iter().map(|count| count.0.load(Ordering::SeqCst)).collect()
    }
}

#[test]
fn a_receiver_that_waits_gets_what_is_sent() {
    everywhere(|| async {
        let (sender, receiver) = channel(1);
        let (received, ()) = zip(receiver.recv(), async {
            yield_now().await;
            assert_eq!(sender.try_send("a"), Ok(()));
        })
        .await;
        assert_eq!(received, Ok("a"));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_sender_waits_for_room_and_its_value_comes_in_order() {
    everywhere(|| async {
        let (sender, receiver) = channel(1);
        sender.send(0).await.expect("there is room");
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
        let (sent, received) = zip(
            async {
                sender.send(1).await?;
                sender.send(2).await
            },
            async { [receiver.recv().await, receiver.recv().await, receiver.recv().await] },
        )
        .await;
        assert_eq!((sent, received), (Ok(()), [Ok(0), Ok(1), Ok(2)]));
    });
}

#[test]
fn batches_larger_than_the_channel_pass_through_it() {
    everywhere(|| async {
        let (sender, receiver) = channel(3);
        let mut values: VecDeque<u32> = (0..100).collect();
        let mut got = Vec::new();
        let (sent, ()) = zip(sender.send_many(&mut values), async {
            while got.len() < 100 {
                let count = receiver.recv_many(&mut got, 7).await.expect("nobody closes");
                assert!((1..=3).contains(&count));
            }
        })
        .await;
        assert_eq!(sent, Ok(()));
        assert!(values.is_empty());
        assert_eq!(got, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_closed_channel_is_drained_and_then_ends_for_all_who_wait() {
    everywhere(|| async {
        let (sender, receiver) = channel(1);
        sender.send(1).await.expect("there is room");
        let (sent, closed) = zip(sender.send(2), async {
            yield_now().await;
            receiver.close()
        })
        .await;
        assert_eq!((sent, closed), (Err(SendError(2)), true));
        assert!(!sender.close(), "it is closed already");
        assert!(sender.is_closed() && receiver.is_closed());
        assert_eq!(receiver.recv().await, Ok(1));
        assert_eq!(receiver.recv().await, Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(sender.try_send_many(&mut VecDeque::from([3])), Err(Closed));
    });
}

#[test]
fn a_value_crosses_between_executors_and_threads() {
    everywhere(|| async {
        let (sender, receiver) = channel(2);
        let (back, returned) = channel(2);
        let echo = thread::spawn(move || {
            while let Ok(value) = receiver.recv_blocking() {
                back.send_blocking(value).expect("it is awaited");
            }
        });
        for number in 0..200 {
            sender.send(number).await.expect("the thread receives");
            assert_eq!(returned.recv().await, Ok(number));
        }
        drop(sender);
        assert_eq!(returned.recv().await, Err(RecvError));
        echo.join().expect("it does not panic");
    });
}

#[test]
fn waiters_are_woken_in_the_order_in_which_they_came_and_one_a_value() {
    let (sender, receiver) = channel(3);
    let mut waiting = Waiting::new((0..3).map(|_| receiver.recv()));
    assert_eq!(sender.try_send(0), Ok(()));
    assert_eq!(waiting.woken(), [1, 0, 0]);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(waiting.woken(), [1, 1, 0]);
    assert_eq!(waiting.poll(1), Poll::Ready(Ok(0)), "who comes first takes the first");
    assert_eq!(waiting.poll(0), Poll::Ready(Ok(1)));
    assert_eq!(waiting.woken(), [1, 1, 1], "there was one left behind");
    assert!(waiting.poll(2).is_pending());
}

#[test]
fn blocked_senders_are_let_in_in_the_order_in_which_they_came() {
    let (sender, receiver) = channel(1);
    assert_eq!(sender.try_send(0), Ok(()));
    let mut waiting = Waiting::new((1..4).map(|value| sender.send(value)));
    for value in 0..3 {
        assert_eq!(receiver.try_recv(), Ok(value));
        let mut woken = [0; 3];
        woken[..=value].fill(1);
        assert_eq!(waiting.woken(), woken);
        assert_eq!(waiting.poll(value), Poll::Ready(Ok(())));
    }
}

#[test]
fn who_was_woken_in_vain_keeps_its_place_in_front() {
    let (sender, receiver) = channel(1);
    let mut waiting = Waiting::new((0..2).map(|_| receiver.recv()));
    assert_eq!(sender.try_send(0), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(0), "a newcomer was faster");
    assert!(waiting.poll(0).is_pending());
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(waiting.woken(), [2, 0]);
    assert_eq!(waiting.poll(0), Poll::Ready(Ok(1)));
}

#[test]
fn a_batch_wakes_one_and_who_is_woken_wakes_the_next() {
    let (sender, receiver) = channel(3);
    let mut waiting = Waiting::new((0..3).map(|_| receiver.recv()));
    assert_eq!(sender.try_send_many(&mut VecDeque::from([0, 1, 2])), Ok(3));
    for at in 0..3 {
        let mut woken = [0; 3];
        woken[..=at].fill(1);
        assert_eq!(waiting.woken(), woken);
        assert_eq!(waiting.poll(at), Poll::Ready(Ok(at)));
    }
}

#[test]
fn a_dropped_future_passes_its_wake_up_on_and_takes_nothing() {
    let (sender, receiver) = channel(1);
    let mut waiting = Waiting::new((0..3).map(|_| receiver.recv()));
    assert_eq!(sender.try_send(5), Ok(()));
    waiting.drop(0);
    assert_eq!(waiting.woken(), [1, 1, 0]);
    waiting.drop(1);
    assert_eq!(waiting.woken(), [1, 1, 1]);
    assert_eq!(receiver.len(), 1, "nothing was taken");
    assert_eq!(waiting.poll(2), Poll::Ready(Ok(5)));
    // One that is dropped while it sleeps takes nothing from anybody.
    let mut waiting = Waiting::new((0..2).map(|_| receiver.recv()));
    waiting.drop(0);
    assert_eq!(sender.try_send(6), Ok(()));
    assert_eq!(waiting.woken(), [0, 1]);
    assert_eq!(waiting.poll(1), Poll::Ready(Ok(6)));
}

#[test]
fn a_dropped_send_passes_its_room_on() {
    let (sender, receiver) = channel(1);
    assert_eq!(sender.try_send(0), Ok(()));
    let mut waiting = Waiting::new((1..3).map(|value| sender.send(value)));
    assert_eq!(receiver.try_recv(), Ok(0));
    waiting.drop(0);
    assert_eq!(waiting.woken(), [1, 1]);
    assert_eq!(waiting.poll(1), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(2));
    let mut values = VecDeque::from([3, 4]);
    {
        let mut many = pin!(sender.send_many(&mut values));
        assert!(many.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(values, [4], "what was not sent is left");
}

#[test]
fn a_limit_ends_a_wait_on_its_instant_and_gives_the_value_back() {
    watched(|| {
        let clock = TestClock::automatic();
        let _here = clock.register_thread().enter();
        let (sender, receiver) = channel_with_clock(1, &clock.clock());
        assert_eq!(receiver.recv_timeout(SECOND), Err(RecvTimeoutError::Timeout));
        assert_eq!(clock.now(), Instant::ZERO + SECOND);
        assert_eq!(sender.send_timeout(1, SECOND), Ok(()));
        assert_eq!(sender.send_timeout(2, SECOND), Err(SendTimeoutError::Timeout(2)));
        assert_eq!(clock.now(), Instant::ZERO + 2 * SECOND);
        let past = Deadline::at(Instant::ZERO);
        let mut values = VecDeque::from([3]);
        assert_eq!(sender.send_many_blocking(&mut values, past), Ok(()));
        assert_eq!(values, [3]);
        assert_eq!(receiver.recv_deadline(past), Ok(1), "there is at least one try");
        let mut got = Vec::new();
        let timeout = Err(RecvTimeoutError::Timeout);
        assert_eq!(receiver.recv_many_blocking(&mut got, 2, past), timeout);
        assert_eq!(sender.send_deadline(4, past), Ok(()));
        receiver.close();
        assert_eq!(sender.send_timeout(5, SECOND), Err(SendTimeoutError::Closed(5)));
        assert_eq!(receiver.recv_many_blocking(&mut got, 2, past), Ok(1));
        assert_eq!(receiver.recv_timeout(SECOND), Err(RecvTimeoutError::Closed));
        assert_eq!(clock.now(), Instant::ZERO + 2 * SECOND);
    });
}

#[test]
fn the_last_handle_of_a_half_closes_the_channel() {
    let (sender, receiver) = channel(2);
    let (second, other) = (sender.clone(), receiver.clone());
    assert_eq!((sender.sender_count(), receiver.receiver_count()), (2, 2));
    drop(sender);
    assert_eq!(second.send_blocking(1), Ok(()));
    drop(receiver);
    assert_eq!(second.send_blocking(2), Ok(()));
    assert_eq!((other.sender_count(), second.receiver_count()), (1, 1));
    drop(second);
    assert_eq!([other.recv_blocking(), other.recv_blocking()], [Ok(1), Ok(2)]);
    assert_eq!(other.recv_blocking(), Err(RecvError));
    let (sender, receiver) = channel(2);
    drop(receiver);
    assert_eq!(sender.send_blocking(1), Err(SendError(1)));
}

/// Tells of its drop, and panics there if it is told to.
struct Dropped {
    number: usize,
    order: mpsc::Sender<usize>,
    panics: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.order.send(self.number).expect("the test listens");
        assert!(!self.panics, "told to");
    }
}

#[test]
fn what_nobody_received_is_dropped_with_the_last_receiver_the_oldest_first() {
    let (order, dropped) = mpsc::channel();
    let (sender, receiver) = channel(3);
    for number in 0..3 {
        let value = Dropped { number, order: order.clone(), panics: number == 1 };
        assert!(sender.try_send(value).is_ok());
    }
    drop(receiver);
    assert!(dropped.try_iter().eq([0, 1, 2]));
    let late = Dropped { number: 3, order, panics: false };
    let refused = sender.try_send(late).expect_err("it is closed");
    assert!(dropped.try_iter().next().is_none(), "a refused value comes back");
    drop(refused);
    assert!(dropped.try_iter().eq([3]));
}

/// Sends `0..each` from each of `senders` and receives all, as threads and as tasks, one by one and in
/// batches; each sender's values have to come in their order, each once.
fn conserves(capacity: usize, senders: usize, receivers: usize, each: usize) {
    let (sender, receiver) = channel::<[usize; 2]>(capacity);
    let sending: Vec<_> = (0..senders)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || send_all(&sender, number, each))
        })
        .collect();
    let receiving: Vec<_> = (0..receivers)
        .map(|number| {
            let receiver = receiver.clone();
            thread::spawn(move || receive_all(&receiver, number, senders))
        })
        .collect();
    drop((sender, receiver));
    for thread in sending {
        thread.join().expect("nobody closes");
    }
    let received: usize =
        receiving.into_iter().map(|thread| thread.join().expect("all is in order")).sum();
    assert_eq!(received, senders * each);
}

fn send_all(sender: &Sender<[usize; 2]>, number: usize, each: usize) {
    let mut values: VecDeque<_> = (0..each).map(|value| [number, value]).collect();
    match number % 3 {
        0 => values.into_iter().for_each(|value| sender.send_blocking(value).expect("it is open")),
        1 => block_on(async {
            for value in values {
                sender.send(value).await.expect("it is open");
            }
        }),
        _ => sender.send_many_blocking(&mut values, Deadline::NEVER).expect("it is open"),
    }
}

fn receive_all(receiver: &Receiver<[usize; 2]>, number: usize, senders: usize) -> usize {
    let (mut last, mut batch, mut received) = (vec![None; senders], Vec::new(), 0);
    loop {
        let got = match number % 3 {
            0 => receiver.recv_blocking().map(|value| batch.push(value)),
            1 => block_on(receiver.recv()).map(|value| batch.push(value)),
            _ => block_on(receiver.recv_many(&mut batch, 4)).map(|_| ()),
        };
        if got.is_err() {
            return received;
        }
        received += batch.len();
        for [sender, value] in batch.drain(..) {
            assert!(last[sender] < Some(value), "a sender's values keep their order");
            last[sender] = Some(value);
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_and_nobody_hangs() {
    for capacity in [1, 2, 3, 255, 65_536] {
        for (senders, receivers) in [(1, 1), (3, 3), (1, 4), (4, 1)] {
            watched(move || conserves(capacity, senders, receivers, 2_000));
        }
    }
}

#[test]
fn eight_against_eight_threads_get_done() {
    for capacity in [1, 64] {
        watched(move || conserves(capacity, 8, 8, 2_000));
    }
}

#[test]
fn a_cancelled_wait_between_threads_loses_nothing() {
    watched(|| {
        let (sender, receiver) = channel(1);
        let hasty = receiver.clone();
        let giving_up = thread::spawn(move || {
            let mut got = 0;
            while !hasty.is_closed() {
                got += usize::from(block_on(poll_once(hasty.recv())).is_some_and(|r| r.is_ok()));
            }
            got
        });
        let patient =
            thread::spawn(move || std::iter::from_fn(|| receiver.recv_blocking().ok()).count());
        for value in 0..5_000 {
            assert_eq!(sender.send_blocking(value), Ok(()));
        }
        drop(sender);
        let got = giving_up.join().expect("no panic") + patient.join().expect("no panic");
        assert_eq!(got, 5_000);
    });
}

#[test]
fn errors_say_what_they_mean() {
    assert_eq!(TrySendError::Full(1).to_string(), "the channel is full");
    assert_eq!(SendTimeoutError::Closed(1).to_string(), "the channel is closed");
    assert_eq!(RecvTimeoutError::Timeout.to_string(), "the channel was empty until the limit");
    assert_eq!(format!("{:?}", SendError(Waker::noop())), "SendError(..)");
    assert_eq!(TrySendError::Closed(3).into_inner(), 3);
    assert_eq!(SendTimeoutError::Timeout(4).into_inner(), 4);
}
