//! Hash tables, and the key of their hash: the standard library's, or without it `hashbrown`'s and one of our own.
//!
//! | | with `std` | without |
//! | --- | --- | --- |
//! | tables | `std::collections` | `hashbrown`, which the former is made of |
//! | hash | SipHash-1-3 | SipHash-2-4, which `core` has |
//! | key | from the system's randomness, once a thread | from addresses of this process |
//!
//! A key that comes from addresses is as secret as they are. Where a system places programs at random that is something. On bare metal it is
//! nothing, and whoever writes source text can choose names that lie deep in an arena's index.

#[cfg(feature = "std")]
use std::collections as tables;
#[cfg(feature = "std")]
pub(crate) use std::hash::RandomState;

#[cfg(not(feature = "std"))]
use hashbrown as tables;
#[cfg(not(feature = "std"))]
pub(crate) use without_std::RandomState;

pub(crate) type HashMap<K, V> = tables::HashMap<K, V, RandomState>;
pub(crate) type HashSet<T> = tables::HashSet<T, RandomState>;

#[cfg(not(feature = "std"))]
mod without_std {
    #![allow(deprecated)] // `SipHasher`: the standard library's has a way to a random key, which is all that is said against this one

    use core::hash::{BuildHasher, SipHasher};
    use core::ptr;

    /// The key of a hash.
    #[derive(Clone)]
    pub(crate) struct RandomState(u64, u64);

    impl RandomState {
        pub(crate) fn new() -> Self {
            let on_the_stack = 0u8;
            Self(ptr::from_ref(&on_the_stack).addr() as u64, (Self::new as fn() -> Self) as usize as u64)
        }
    }

    impl Default for RandomState {
        fn default() -> Self {
            Self::new()
        }
    }

    impl BuildHasher for RandomState {
        type Hasher = SipHasher;

        fn build_hasher(&self) -> SipHasher {
            SipHasher::new_with_keys(self.0, self.1)
        }
    }
}
