//! Bytes on a socket, with a descriptor beside them.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

/// Room for a header and one descriptor, aligned as a header asks.
#[repr(C)]
union Control {
    head: libc::cmsghdr,
    bytes: [u8; 64],
}

/// The message of some bytes and room for a descriptor.
fn message(bytes: &mut libc::iovec, control: &mut Control, room: usize) -> libc::msghdr {
    // SAFETY: zeros are a message without anything.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = bytes;
    message.msg_iovlen = 1;
    if room > 0 {
        message.msg_control = ptr::from_mut(control).cast();
        message.msg_controllen = room;
    }
    message
}

/// The room of one descriptor in a control message.
fn room() -> usize {
    // SAFETY: arithmetic alone.
    let room = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as u32) } as usize;
    assert!(room <= size_of::<Control>());
    room
}

/// Sends a few bytes, which fit a socket's buffer, with a descriptor if there is one to give.
pub fn send(socket: &UnixStream, bytes: &[u8], file: Option<&File>) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control { bytes: [0; 64] };
    let message = message(&mut part, &mut control, if file.is_some() { room() } else { 0 });
    if let Some(file) = file {
        // SAFETY: `message` has room for a header and one descriptor, which is written within it.
        unsafe {
            let head = libc::CMSG_FIRSTHDR(&message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as usize;
            libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(file.as_raw_fd());
        }
    }
    // SAFETY: an open socket, and a message whose parts live during the call.
    match unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) } {
        -1 => Err(io::Error::last_os_error()),
        sent if sent as usize == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Receives exactly so many bytes, and the descriptor that comes with the first.
pub fn receive(socket: &UnixStream, bytes: &mut [u8]) -> io::Result<Option<File>> {
    let mut file = None;
    let mut received = 0;
    while received < bytes.len() {
        let rest = &mut bytes[received..];
        let mut part = libc::iovec { iov_base: rest.as_mut_ptr().cast(), iov_len: rest.len() };
        let mut control = Control { bytes: [0; 64] };
        let mut message = message(&mut part, &mut control, room());
        // SAFETY: an open socket, and a message whose parts live during the call.
        match unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) } {
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => continue,
                error => return Err(error),
            },
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => received += count as usize,
        }
        // SAFETY: what the kernel has written into the message; the descriptor is new, and nobody else's. There is room for one: the kernel
        // closes any further.
        let given = unsafe {
            let head = libc::CMSG_FIRSTHDR(&message);
            let is_one = !head.is_null()
                && ((*head).cmsg_level, (*head).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS)
                && (*head).cmsg_len >= libc::CMSG_LEN(size_of::<RawFd>() as u32) as usize;
            is_one.then(|| OwnedFd::from_raw_fd(libc::CMSG_DATA(head).cast::<RawFd>().read_unaligned()))
        };
        file = given.map(File::from).or(file);
    }
    Ok(file)
}

/// Returns the user of the process at the other end.
pub fn user_of_peer(socket: &UnixStream) -> io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: an open socket, and a place of the length that is said.
    let asked = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            ptr::from_mut(&mut peer).cast(),
            &mut len,
        )
    };
    if asked == 0 { Ok(peer.uid) } else { Err(io::Error::last_os_error()) }
}
