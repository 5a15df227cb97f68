//! The table of state changes that can be observed.

/// What happened: one number a kind of state change, stable like the numbers of [`Code`](super::Code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum EventCode {
    /// A provider entered another state of its life; the detail is the new state.
    ProviderState = 1,
    /// A provider was added to the runtime.
    ProviderAdded = 2,
    /// A provider was removed from the runtime.
    ProviderRemoved = 3,
    /// A provider's settings were changed while it ran.
    ProviderChanged = 4,
    /// A worker was started; the detail is how many there are.
    WorkerStarted = 10,
    /// A worker ended; the detail is how many are left.
    WorkerEnded = 11,
    /// A worker is held by a job that was decided without it.
    WorkerZombie = 12,
    /// A zombie's job has ended at last.
    WorkerRecovered = 13,
    /// A job panicked; the detail is its ticket.
    JobPanicked = 20,
    /// A job ended; only when events a job are switched on.
    JobEnded = 21,
    /// The circuit breaker changed its state; the detail is the new state.
    BreakerState = 30,
    /// A key cools down; the detail is its index.
    KeyCooling = 40,
    /// A key is usable again.
    KeyRecovered = 41,
    /// A key was switched off.
    KeyDisabled = 42,
    /// A driver thread is blocked by a job; the detail is its ticket.
    DriverBlocked = 50,
    /// A provider that blocks drivers was moved to one of its own.
    ProviderQuarantined = 51,
    /// A health check's result changed.
    Health = 60,
    /// A lock order violation or deadlock was found.
    Lock = 70,
    /// An alert began to fire.
    AlertFired = 80,
    /// An alert stopped.
    AlertCleared = 81,
}
