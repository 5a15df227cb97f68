//! The queues of others, each behind [`End`].

use super::ends::{End, Payload, Shape};
use crate::figure::Role;
use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::ArrayQueue;
use lfqueue::AllocBoundedQueue;
use std::num::NonZeroUsize;
use std::sync::Arc;
use thingbuf::ThingBuf;

pub(crate) const ARRAY_QUEUE: &str = "crossbeam ArrayQueue";
/// Its `try_recv` reads the tail before the head and checks only that they differ. If others pop everything in
/// between, it takes a place that nobody has filled: it waits there, and the queue is full for all pushers from
/// then on. So it stands only where one thread pops.
pub(crate) const TURBO: &str = "turbo-mpmc";
const ARRAY_QUEUE_TWIN: &str = "crossbeam ArrayQueue, twin";
pub(crate) const GIL: &str = "gil::mpmc";

/// The peers that are fast enough to matter where not all are laid beside ours.
pub(crate) const FAST: [&str; 7] = [
    ARRAY_QUEUE,
    ARRAY_QUEUE_TWIN,
    "crossfire",
    GIL,
    "crossbeam-channel",
    "concurrent-queue",
    "kanal",
];

/// A row of an experiment.
pub(crate) type Row<O> = (Role, &'static str, O);

/// All peers, each with a queue of its own.
pub(crate) fn all<T: Payload, S: Shape<T>>(capacity: usize, shape: &S) -> Vec<Row<S::Output>> {
    let room = NonZeroUsize::new(capacity).expect("a queue holds something");
    let mut rows = vec![
        (Role::Peer, ARRAY_QUEUE, shape.of(array_queue(capacity))),
        (Role::Twin, ARRAY_QUEUE_TWIN, shape.of(array_queue(capacity))),
        (Role::Peer, "crossfire", shape.of(crossfire::mpmc::bounded_blocking::<T>(capacity))),
        (Role::Peer, GIL, shape.of(gil::mpmc::channel::<T>(room))),
        (Role::Peer, "crossbeam-channel", shape.of(crossbeam_channel::bounded::<T>(capacity))),
        (Role::Peer, "concurrent-queue", shape.of(concurrent_queue(capacity))),
        (Role::Peer, "kanal", shape.of(kanal::bounded::<T>(capacity))),
        (Role::Peer, "thingbuf", shape.of(Arc::new(ThingBuf::<T>::new(capacity)))),
        (Role::Peer, "lfqueue SCQ", shape.of(Arc::new(AllocBoundedQueue::<T>::new(capacity)))),
        (Role::Peer, "flume", shape.of(flume::bounded::<T>(capacity))),
        (Role::Peer, "loole", shape.of(loole::bounded::<T>(capacity))),
        (Role::Peer, "async-channel", shape.of(async_channel::bounded::<T>(capacity))),
    ];
    rows.extend(turbo(capacity, shape).map(|output| (Role::Peer, TURBO, output)));
    rows
}

/// The peers of [`FAST`].
pub(crate) fn fast<T: Payload, S: Shape<T>>(capacity: usize, shape: &S) -> Vec<Row<S::Output>> {
    let mut rows = all(capacity, shape);
    rows.retain(|(_, name, _)| FAST.contains(name));
    rows
}

fn array_queue<T>(capacity: usize) -> Arc<ArrayQueue<T>> {
    Arc::new(ArrayQueue::new(capacity))
}

fn concurrent_queue<T>(capacity: usize) -> Arc<ConcurrentQueue<T>> {
    Arc::new(ConcurrentQueue::bounded(capacity))
}

/// Its capacity is part of its type, so it exists for those that are used here.
fn turbo<T: Payload, S: Shape<T>>(capacity: usize, shape: &S) -> Option<S::Output> {
    match capacity {
        64 => Some(shape.of(Arc::new(turbo_mpmc::Queue::<T, 64>::new()))),
        256 => Some(shape.of(Arc::new(turbo_mpmc::Queue::<T, 256>::new()))),
        1024 => Some(shape.of(Arc::new(turbo_mpmc::Queue::<T, 1024>::new()))),
        _ => None,
    }
}

impl<T: Payload> End<T> for Arc<ArrayQueue<T>> {
    fn push(&mut self, value: T) -> bool {
        ArrayQueue::push(self, value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        ArrayQueue::pop(self)
    }
}

impl<T: Payload> End<T> for Arc<ConcurrentQueue<T>> {
    fn push(&mut self, value: T) -> bool {
        ConcurrentQueue::push(self, value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        ConcurrentQueue::pop(self).ok()
    }
}

impl<T: Payload> End<T> for Arc<ThingBuf<T>> {
    fn push(&mut self, value: T) -> bool {
        ThingBuf::push(self, value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        ThingBuf::pop(self)
    }
}

impl<T: Payload> End<T> for Arc<AllocBoundedQueue<T>> {
    fn push(&mut self, value: T) -> bool {
        self.enqueue(value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        self.dequeue()
    }
}

impl<T: Payload, const CAPACITY: usize> End<T> for Arc<turbo_mpmc::Queue<T, CAPACITY>> {
    fn push(&mut self, value: T) -> bool {
        self.try_send(value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        self.try_recv().ok()
    }
}

impl<T: Payload> End<T> for (gil::mpmc::Sender<T>, gil::mpmc::Receiver<T>) {
    fn push(&mut self, value: T) -> bool {
        self.0.try_send(value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        self.1.try_recv()
    }
}

impl<T: Payload> End<T> for (kanal::Sender<T>, kanal::Receiver<T>) {
    fn push(&mut self, value: T) -> bool {
        self.0.try_send(value).is_ok_and(|sent| sent)
    }

    fn pop(&mut self) -> Option<T> {
        self.1.try_recv().ok().flatten()
    }
}

/// Channels whose ends are a pair with the usual names.
macro_rules! pair {
    ($($sender:ty, $receiver:ty;)*) => {$(
        impl<T: Payload> End<T> for ($sender, $receiver) {
            fn push(&mut self, value: T) -> bool {
                self.0.try_send(value).is_ok()
            }

            fn pop(&mut self) -> Option<T> {
                self.1.try_recv().ok()
            }
        }
    )*};
}

pair! {
    crossfire::MTx<crossfire::mpmc::Array<T>>, crossfire::MRx<crossfire::mpmc::Array<T>>;
    crossbeam_channel::Sender<T>, crossbeam_channel::Receiver<T>;
    flume::Sender<T>, flume::Receiver<T>;
    loole::Sender<T>, loole::Receiver<T>;
    async_channel::Sender<T>, async_channel::Receiver<T>;
}
