//! What this process has of a resource, and may have.

/// A number in kB that `/proc/self/status` states, in bytes.
///
/// # Panics
///
/// It states no such number.
pub fn status(field: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").expect("no /proc");
    let line = text.lines().find(|line| line.starts_with(field)).expect("no such field");
    line.split_whitespace().nth(1).expect("no number").parse::<usize>().expect("no number") << 10
}

/// The type of `RLIMIT_AS` and its like, which is another one in each C library.
#[cfg(any(target_env = "gnu", target_env = "uclibc"))]
pub type Resource = libc::__rlimit_resource_t;
/// The type of `RLIMIT_AS` and its like, which is another one in each C library.
#[cfg(not(any(target_env = "gnu", target_env = "uclibc")))]
pub type Resource = libc::c_int;

/// Changes the soft limit of this process on a resource, at most to its hard limit.
///
/// # Panics
///
/// There is no such resource.
pub fn limit(resource: Resource, amount: usize) {
    // SAFETY: reads and writes a structure on the stack.
    unsafe {
        let mut limit = core::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(resource, &mut limit), 0);
        limit.rlim_cur = (amount as libc::rlim_t).min(limit.rlim_max);
        assert_eq!(libc::setrlimit(resource, &limit), 0);
    }
}
