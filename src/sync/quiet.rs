//! Foreign wakers in hands that a panic would hurt.

use super::{contain, drop_caught};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled with a waker whose panics stay inside it: for waits on an
/// `event_listener::Event`, whose list does not survive a waker that panics.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Quiet<F>(pub F);

impl<F: Future + Unpin> Future for Quiet<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = Waker::from(Arc::new(QuietWaker(Some(cx.waker().clone()))));
        Pin::new(&mut self.0).poll(&mut Context::from_waker(&waker))
    }
}

/// Holds its waker but while it is dropped, which may panic as well.
struct QuietWaker(Option<Waker>);

impl Drop for QuietWaker {
    fn drop(&mut self) {
        drop_caught(self.0.take());
    }
}

impl Wake for QuietWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(waker) = &self.0 {
            contain(|| waker.wake_by_ref());
        }
    }
}
