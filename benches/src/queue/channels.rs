//! The channels of others that wait in their own way, each behind [`Channel`].

use super::ends::{Channel, Payload, WaitingShape};
use super::peers::{GIL, Row};
use crate::figure::Role;
use std::num::NonZeroUsize;

/// All peers, each with a channel of its own.
pub(crate) fn all<T: Payload, S: WaitingShape<T>>(
    capacity: usize,
    shape: &S,
) -> Vec<Row<S::Output>> {
    let room = NonZeroUsize::new(capacity).expect("a channel holds something");
    let crossfire = || crossfire::mpmc::bounded_blocking::<T>(capacity);
    vec![
        (Role::Peer, "crossfire", shape.of(crossfire())),
        (Role::Twin, "crossfire, twin", shape.of(crossfire())),
        (Role::Peer, GIL, shape.of(gil::mpmc::channel::<T>(room))),
        (Role::Peer, "crossbeam-channel", shape.of(crossbeam_channel::bounded::<T>(capacity))),
        (Role::Peer, "kanal", shape.of(kanal::bounded::<T>(capacity))),
        (Role::Peer, "flume", shape.of(flume::bounded::<T>(capacity))),
        (Role::Peer, "loole", shape.of(loole::bounded::<T>(capacity))),
        (Role::Peer, "async-channel", shape.of(async_channel::bounded::<T>(capacity))),
    ]
}

impl<T: Payload> Channel<T> for (gil::mpmc::Sender<T>, gil::mpmc::Receiver<T>) {
    fn send(&mut self, value: T) {
        self.0.send(value);
    }

    fn recv(&mut self) -> T {
        self.1.recv()
    }
}

/// It has blocking operations beside its futures.
impl<T: Payload> Channel<T> for (async_channel::Sender<T>, async_channel::Receiver<T>) {
    fn send(&mut self, value: T) {
        self.0.send_blocking(value).expect("the channel is open");
    }

    fn recv(&mut self) -> T {
        self.1.recv_blocking().expect("the channel is open")
    }
}

/// Channels whose ends are a pair with the usual names.
macro_rules! pair {
    ($($sender:ty, $receiver:ty;)*) => {$(
        impl<T: Payload> Channel<T> for ($sender, $receiver) {
            fn send(&mut self, value: T) {
                self.0.send(value).expect("the channel is open");
            }

            fn recv(&mut self) -> T {
                self.1.recv().expect("the channel is open")
            }
        }
    )*};
}

pair! {
    crossfire::MTx<crossfire::mpmc::Array<T>>, crossfire::MRx<crossfire::mpmc::Array<T>>;
    crossbeam_channel::Sender<T>, crossbeam_channel::Receiver<T>;
    kanal::Sender<T>, kanal::Receiver<T>;
    flume::Sender<T>, flume::Receiver<T>;
    loole::Sender<T>, loole::Receiver<T>;
}
