//! A job's body with its type erased: inline where it is small, boxed where it is not.
//!
//! A body and what it ends with share one [`Cell`]. Invariants: 1. a cell and the [`TaskTable`] beside it
//! were made for the same body type. 2. A cell holds, at any time, the body, or an `Ended<T>`, or nothing;
//! who holds it knows which (the record's word says so, or [`Task`] itself). 3. A body is moved only
//! before its first poll.

use super::error::{JobError, PanicInfo};
use crate::sync::{contain, drop_caught};
use std::fmt;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, align_of, size_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes that a body or a result may have without a box.
pub const INLINE: usize = 96;

/// Room for one small value.
#[repr(C, align(16))]
pub(super) struct Cell([MaybeUninit<u8>; INLINE]);

impl Cell {
    pub(super) const fn new() -> Self {
        Self([MaybeUninit::uninit(); INLINE])
    }
}

/// What a worker runs: polled until it gives a result, with the context of its job.
pub trait Run<C, T>: Send + 'static {
    /// One poll, as of a future.
    fn run(self: Pin<&mut Self>, context: &C, cx: &mut Context<'_>) -> Poll<Result<T, JobError>>;
}

/// What a body ended with.
#[derive(Debug)]
pub enum Ended<T> {
    /// Its value.
    Value(T),
    /// Its error.
    Error(JobError),
    /// Its panic.
    Panic(PanicInfo),
}

/// Which of the three an [`Ended`] is, without its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A value is in the cell.
    Value,
    /// An error is in the cell.
    Error,
    /// A panic is in the cell.
    Panic,
}

type RunFn<C> = unsafe fn(*mut Cell, &C, &str, &mut Context<'_>) -> Poll<Finish>;

/// The operations on a cell of one body type.
pub(super) struct TaskTable<C> {
    /// Polls the body; when it is ready, replaces it by an `Ended<T>`.
    pub(super) run: RunFn<C>,
    /// Drops the body; `true` if that panicked.
    pub(super) drop_task: unsafe fn(*mut Cell) -> bool,
    /// Drops the `Ended<T>`; `true` if that panicked.
    pub(super) drop_ended: unsafe fn(*mut Cell) -> bool,
    /// Drops the body and leaves an `Ended<T>` of this error; `true` if the drop panicked.
    pub(super) refuse: unsafe fn(*mut Cell, JobError) -> bool,
    /// The error in the `Ended<T>`, if it is one.
    pub(super) error: unsafe fn(*mut Cell) -> Option<*const JobError>,
}

const fn fits<V>() -> bool {
    size_of::<V>() <= INLINE && align_of::<V>() <= align_of::<Cell>()
}

/// Moves `value` into the cell.
///
/// # Safety
///
/// `cell` is valid for writes and holds nothing.
#[expect(unsafe_code, reason = "type erasure")]
unsafe fn put<V>(cell: *mut Cell, value: V) {
    if fits::<V>() {
        // SAFETY: the value fits, and the caller gives a valid and vacant cell.
        unsafe { cell.cast::<V>().write(value) };
    } else {
        // SAFETY: a box fits anywhere; the rest as above.
        unsafe { cell.cast::<Box<V>>().write(Box::new(value)) };
    }
}

/// Moves the value out of the cell.
///
/// # Safety
///
/// `cell` is valid for reads and holds a `V` that [`put`] wrote; it holds nothing afterwards.
#[expect(unsafe_code, reason = "type erasure")]
unsafe fn take<V>(cell: *mut Cell) -> V {
    if fits::<V>() {
        // SAFETY: `put` wrote it in place.
        unsafe { cell.cast::<V>().read() }
    } else {
        // SAFETY: `put` wrote a box.
        *unsafe { cell.cast::<Box<V>>().read() }
    }
}

/// Where in or behind the cell the value lies.
///
/// # Safety
///
/// `cell` holds a `V` that [`put`] wrote.
#[expect(unsafe_code, reason = "type erasure")]
unsafe fn locate<V>(cell: *mut Cell) -> *mut V {
    if fits::<V>() {
        cell.cast::<V>()
    } else {
        // SAFETY: `put` wrote a box.
        let boxed = unsafe { &mut *cell.cast::<Box<V>>() };
        &raw mut **boxed
    }
}

/// Drops the value in place: a polled body may be pinned there. `true` if its drop panicked.
///
/// # Safety
///
/// `cell` holds a `V` that [`put`] wrote; it holds nothing afterwards.
#[expect(unsafe_code, reason = "type erasure")]
unsafe fn drop_in<V>(cell: *mut Cell) -> bool {
    contain(|| {
        if fits::<V>() {
            // SAFETY: by contract.
            unsafe { cell.cast::<V>().drop_in_place() };
        } else {
            // SAFETY: by contract; the box frees its memory even if the value's drop unwinds.
            unsafe { cell.cast::<Box<V>>().drop_in_place() };
        }
    })
}

/// Moves an `Ended<T>` out of a cell that holds one.
///
/// # Safety
///
/// `cell` holds an `Ended<T>` that a [`TaskTable::run`] of this `T` left; it holds nothing afterwards.
#[expect(unsafe_code, reason = "type erasure")]
pub(super) unsafe fn take_ended<T>(cell: *mut Cell) -> Ended<T> {
    // SAFETY: by contract.
    unsafe { take::<Ended<T>>(cell) }
}

struct Table<R, C, T>(PhantomData<(R, C, T)>);

impl<R: Run<C, T>, C: 'static, T: Send + 'static> Table<R, C, T> {
    const TABLE: &'static TaskTable<C> = &TaskTable {
        run: Self::run,
        drop_task: drop_in::<R>,
        drop_ended: drop_in::<Ended<T>>,
        refuse: Self::refuse,
        error: Self::error,
    };

    /// # Safety
    ///
    /// `cell` holds an `R`.
    #[expect(unsafe_code, reason = "type erasure")]
    unsafe fn refuse(cell: *mut Cell, error: JobError) -> bool {
        // SAFETY: by contract.
        let panicked = unsafe { drop_in::<R>(cell) };
        // SAFETY: the body was dropped above, so the cell is vacant.
        unsafe { put(cell, Ended::<T>::Error(error)) };
        panicked
    }

    /// # Safety
    ///
    /// `cell` holds an `Ended<T>`, which nobody moves or drops while the pointer is used.
    #[expect(unsafe_code, reason = "type erasure")]
    unsafe fn error(cell: *mut Cell) -> Option<*const JobError> {
        // SAFETY: by contract.
        let ended = unsafe { locate::<Ended<T>>(cell) };
        // SAFETY: by contract.
        match unsafe { &*ended } {
            Ended::Error(error) => Some(std::ptr::from_ref(error)),
            _ => None,
        }
    }

    /// # Safety
    ///
    /// `cell` holds an `R`, pinned there from the first call on.
    #[expect(unsafe_code, reason = "type erasure")]
    unsafe fn run(cell: *mut Cell, context: &C, label: &str, cx: &mut Context<'_>) -> Poll<Finish> {
        // SAFETY: by contract.
        let body = unsafe { locate::<R>(cell) };
        // SAFETY: the caller has the cell for itself.
        let body = unsafe { &mut *body };
        // SAFETY: the body is moved no more (3.).
        let body = unsafe { Pin::new_unchecked(body) };
        let polled = catch_unwind(AssertUnwindSafe(|| body.run(context, cx)));
        let mut ended: Ended<T> = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => Ended::Value(value),
            Ok(Poll::Ready(Err(error))) => Ended::Error(error),
            Err(payload) => Ended::Panic(PanicInfo::from_payload(payload, label)),
        };
        // SAFETY: the body is still there and is not used again.
        let panicked = unsafe { drop_in::<R>(cell) };
        if panicked && !matches!(ended, Ended::Panic(_)) {
            let message = "the job's drop panicked".to_owned();
            let replaced =
                std::mem::replace(&mut ended, Ended::Panic(PanicInfo::new(message, label)));
            drop_caught(replaced);
        }
        let finish = match ended {
            Ended::Value(_) => Finish::Value,
            Ended::Error(_) => Finish::Error,
            Ended::Panic(_) => Finish::Panic,
        };
        // SAFETY: the body was dropped above, so the cell is vacant.
        unsafe { put(cell, ended) };
        Poll::Ready(finish)
    }
}

/// A job's body that no record holds yet; or none, after a record took it.
pub struct Task<C: 'static, T> {
    cell: Cell,
    table: Option<&'static TaskTable<C>>,
    result: PhantomData<fn() -> T>,
}

// SAFETY: a body is `Send` (`Run` asks for it), and nothing else is inside.
#[expect(unsafe_code, reason = "the cell hides that the body is Send")]
unsafe impl<C, T> Send for Task<C, T> {}

// SAFETY: a shared reference gives no access to the body.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<C, T> Sync for Task<C, T> {}

impl<C: 'static, T: Send + 'static> Task<C, T> {
    /// Erases `body`.
    #[inline]
    pub fn new(body: impl Run<C, T>) -> Self {
        fn erase<R: Run<C, T>, C: 'static, T: Send + 'static>(body: R) -> Task<C, T> {
            let mut cell = Cell::new();
            // SAFETY: the cell is new.
            #[expect(unsafe_code, reason = "type erasure")]
            unsafe {
                put(&raw mut cell, body);
            }
            Task { cell, table: Some(Table::<R, C, T>::TABLE), result: PhantomData }
        }
        erase(body)
    }
}

impl<C: 'static, T> Task<C, T> {
    /// Moves the body to `place`, whose holder owns it from then on, and leaves none behind.
    ///
    /// # Safety
    ///
    /// There is one, and `place` is valid for writes and holds nothing.
    #[inline]
    #[expect(unsafe_code, reason = "type erasure")]
    pub(super) unsafe fn move_into(&mut self, place: *mut Cell) -> &'static TaskTable<C> {
        let Some(table) = self.table.take() else { unreachable!("a task is given to one record") };
        // SAFETY: by contract; the body in the old cell is not used again, since the table is gone.
        unsafe { place.copy_from_nonoverlapping(&raw const self.cell, 1) };
        table
    }

    /// Puts an unpolled body back.
    ///
    /// # Safety
    ///
    /// The parts are what [`move_into`](Self::move_into) left of a task with the same `T`, the body was
    /// never polled, and the caller gives it up.
    #[expect(unsafe_code, reason = "type erasure")]
    pub(super) unsafe fn from_parts(cell: Cell, table: &'static TaskTable<C>) -> Self {
        Self { cell, table: Some(table), result: PhantomData }
    }
}

impl<C: 'static, T> Drop for Task<C, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(table) = self.table {
            // SAFETY: a task holds its body as long as it has the table.
            #[expect(unsafe_code, reason = "type erasure")]
            unsafe {
                (table.drop_task)(&raw mut self.cell);
            }
        }
    }
}

impl<C: 'static, T> fmt::Debug for Task<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
