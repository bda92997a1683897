//! Records, and the places where they are published: one atomic pointer each, from empty to a record.
//!
//! A reader that finds a record finds it whole: all writes before it was published are visible. `loom/` tries that.

use crate::base::atomics::AtomicPtr;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// A record of the ledger, for as long as its arena is borrowed.
///
/// Whoever holds one may publish it: the memory behind it lives as long as the arena.
pub(in crate::code) struct Record<'l, T: ?Sized>(&'l T);

impl<T: ?Sized> Clone for Record<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Record<'_, T> {}

impl<'l, T: ?Sized> Record<'l, T> {
    /// # Safety
    ///
    /// The memory is the arena's, and is never moved or freed before it.
    pub(in crate::code) unsafe fn new(record: &'l T) -> Self {
        Self(record)
    }

    pub(in crate::code) fn get(self) -> &'l T {
        self.0
    }

    /// Returns `true` if both are the same record, not merely equal ones.
    pub(in crate::code) fn same(self, other: Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl<T: ?Sized> Deref for Record<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

/// A place for a record of the same arena: empty until one is published there.
///
/// It lies in the arena itself or in one of its records, so it does not outlive what it points to. As `Send` and `Sync` as a reference:
/// what comes out of it is one.
pub(in crate::code) struct AtomicRecord<T>(AtomicPtr<T>, PhantomData<RecordPtr<T>>);

impl<T> AtomicRecord<T> {
    /// A place where nothing is published yet.
    ///
    /// # Safety
    ///
    /// 1. The place is part of an arena, or of a record that goes to an arena's ledger.
    /// 2. Only records of that arena's ledger are published there.
    pub(in crate::code) const unsafe fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()), PhantomData)
    }

    /// A place where `record` is published, if there is one.
    ///
    /// # Safety
    ///
    /// As for [`empty`](Self::empty); `record` is of that arena too.
    pub(in crate::code) unsafe fn new(record: Option<Record<'_, T>>) -> Self {
        Self(AtomicPtr::new(Self::raw(record)), PhantomData)
    }

    pub(in crate::code) fn get(&self) -> Option<Record<'_, T>> {
        Self::record(self.0.load(Acquire))
    }

    pub(in crate::code) fn set(&self, record: Record<'_, T>) {
        self.0.store(Self::raw(Some(record)), Release);
    }

    /// Publishes `record` here unless another one is; then that one is returned.
    pub(in crate::code) fn set_if_empty<'l>(&'l self, record: Record<'l, T>) -> Result<(), Record<'l, T>> {
        match self.0.compare_exchange(ptr::null_mut(), Self::raw(Some(record)), Release, Acquire) {
            Ok(_) => Ok(()),
            // A failed exchange found a pointer that is not null, so there is a record.
            Err(found) => Self::record(found).map_or(Ok(()), Err),
        }
    }

    /// Publishes `record` here, and what was here in its own place for the one behind it. Nobody has that record yet.
    pub(in crate::code) fn push(&self, record: Record<'_, T>, behind: impl Fn(&T) -> &Self) {
        let mut found = self.0.load(Relaxed);
        loop {
            behind(record.0).0.store(found, Relaxed);
            // Release: whoever finds the record finds it whole, and all behind it, which were put there by such exchanges.
            match self.0.compare_exchange_weak(found, Self::raw(Some(record)), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => found = now,
            }
        }
    }

    fn raw(record: Option<Record<'_, T>>) -> *mut T {
        record.map_or(ptr::null_mut(), |record| ptr::from_ref(record.0).cast_mut())
    }

    fn record<'l>(raw: *mut T) -> Option<Record<'l, T>> {
        // SAFETY: `raw` is null or came from a `Record` of the place's own arena, by the promise of `empty` or `new`: initialised, aligned,
        // never moved or freed before the arena is. 'l is a borrow of the place, which is part of that arena. It is only read through `&T`.
        unsafe { raw.as_ref() }.map(Record)
    }
}

/// A record of the same arena that is known from the start.
pub(in crate::code) struct RecordPtr<T: ?Sized>(NonNull<T>);

// SAFETY: a shared reference to a record, which is all that comes out of it, may go to any thread.
unsafe impl<T: Sync + ?Sized> Send for RecordPtr<T> {}
// SAFETY: as above.
unsafe impl<T: Sync + ?Sized> Sync for RecordPtr<T> {}

impl<T: ?Sized> RecordPtr<T> {
    /// # Safety
    ///
    /// What is made is part of a record that goes to the ledger that `record` lies in.
    pub(in crate::code) unsafe fn new(record: Record<'_, T>) -> Self {
        Self(NonNull::from(record.0))
    }

    pub(in crate::code) fn get(&self) -> Record<'_, T> {
        // SAFETY: by the promise of `new`, whoever borrows this borrows the arena whose ledger holds the record.
        Record(unsafe { self.0.as_ref() })
    }
}
