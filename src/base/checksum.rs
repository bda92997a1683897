//! A number that tells whether bytes were damaged: for headers, and for what must be quick in a process that has just begun.
//!
//! It is SipHash with a known key. A cryptographic hash asks the processor first what it can, once in a process. In a virtual machine that takes
//! longer than all else that opening an image does. Whoever changes a header on purpose changes this number too, and the digest of the contents is
//! what finds them out.
#![allow(deprecated)] // `SipHasher`: the number stands in files, so it must be the same in each release

use core::hash::{Hasher, SipHasher};

pub(crate) fn checksum(key: u64, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher::new_with_keys(key, 0);
    hasher.write(bytes);
    hasher.finish()
}
