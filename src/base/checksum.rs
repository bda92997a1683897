//! A number by which bytes are told apart: the check of a header, the place in a table. It is quick in a process that has just begun.
//!
//! It is SipHash with a key of the caller's. A cryptographic hash asks the processor first what it can, once in a process. A virtual machine may take
//! longer for that than for all else that opening an image does. Whoever changes a header on purpose changes this number too; the digest of the
//! contents is what finds them out.
#![allow(deprecated)] // `SipHasher`: the number stands in files, so it must be the same in each release

use core::hash::{Hasher, SipHasher};

pub(crate) fn checksum(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher::new_with_keys(key[0], key[1]);
    hasher.write(bytes);
    hasher.finish()
}
