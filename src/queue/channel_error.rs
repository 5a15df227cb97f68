//! Why a channel did not take or give a value. What was not sent comes back.

use std::fmt;

/// Why a value was not sent at once.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// The channel holds as many values as its capacity.
    Full(T),
    /// The channel was closed, or its last receiver dropped.
    Closed(T),
}

/// Why a value was not sent: the channel was closed, or its last receiver dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a value was not sent in time.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendTimeoutError<T> {
    /// The channel was full until the limit.
    Timeout(T),
    /// The channel was closed, or its last receiver dropped.
    Closed(T),
}

/// Why no value was received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// The channel holds nothing now.
    Empty,
    /// The channel is empty and closed, or its last sender was dropped: nothing will come.
    Closed,
}

/// Why no value was received: the channel is empty and closed, or its last sender was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why no value was received in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// The channel was empty until the limit.
    Timeout,
    /// The channel is empty and closed, or its last sender was dropped: nothing will come.
    Closed,
}

impl<T> TrySendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(value) | Self::Closed(value) => value,
        }
    }
}

/// The same texts and names, whatever the value is.
macro_rules! texts {
    ($($name:ident $(<$t:ident>)? { $($pattern:pat => $text:literal;)* })*) => {$(
        impl $(<$t>)? fmt::Display for $name $(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($pattern => $text,)* })
            }
        }

        impl $(<$t>)? std::error::Error for $name $(<$t>)? where Self: fmt::Debug {}
    )*};
}

/// The names without the value, which need not be printable.
macro_rules! names {
    ($($name:ident { $($pattern:pat => $debug:literal;)* })*) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($pattern => $debug,)* })
            }
        }
    )*};
}

names! {
    TrySendError { Self::Full(_) => "Full(..)"; Self::Closed(_) => "Closed(..)"; }
    SendError { Self(_) => "SendError(..)"; }
    SendTimeoutError { Self::Timeout(_) => "Timeout(..)"; Self::Closed(_) => "Closed(..)"; }
}

texts! {
    TrySendError<T> {
        Self::Full(_) => "the channel is full";
        Self::Closed(_) => "the channel is closed";
    }
    SendError<T> { Self(_) => "the channel is closed"; }
    SendTimeoutError<T> {
        Self::Timeout(_) => "the channel was full until the limit";
        Self::Closed(_) => "the channel is closed";
    }
    TryRecvError {
        Self::Empty => "the channel is empty";
        Self::Closed => "the channel is empty and closed";
    }
    RecvError { Self => "the channel is empty and closed"; }
    RecvTimeoutError {
        Self::Timeout => "the channel was empty until the limit";
        Self::Closed => "the channel is empty and closed";
    }
}
