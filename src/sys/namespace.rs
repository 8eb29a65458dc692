//! A network of its own for the browser: nothing in it but `lo`.
//!
//! A process inside reaches only sockets inside: no interface leads out, so no protocol does. See
//! `network_namespaces(7)` and `user_namespaces(7)`.

#![expect(unsafe_code, reason = "between fork and exec")]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// The most connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// The namespace, for as long as this or a process inside lives.
#[derive(Debug)]
pub(crate) struct NetworkNamespace {
    /// The user namespace that it belongs to, if one was needed to make it.
    user: Option<OwnedFd>,
    network: OwnedFd,
}

impl NetworkNamespace {
    /// Creates a namespace whose `lo` is up. Fails where the system allows none.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        // Root needs no user namespace, in which other users' files would belong to `nobody`.
        if rustix::process::geteuid().is_root()
            && let Ok(namespace) = Self::make(false)
        {
            return Ok(Arc::new(namespace));
        }
        Self::make(true).map(Arc::new)
    }

    fn make(with_user: bool) -> io::Result<Self> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let users = format!("{0} {0} 1\n", uid.as_raw());
        let groups = format!("{0} {0} 1\n", gid.as_raw());
        let mut child = waiting(move || {
            let mut parts = UnshareFlags::NEWNET;
            if with_user {
                parts |= UnshareFlags::NEWUSER;
            }
            // SAFETY: neither the memory nor the descriptors are taken apart.
            unsafe { rustix::thread::unshare_unsafe(parts) }?;
            if with_user {
                say(c"/proc/self/setgroups", b"deny")?;
                say(c"/proc/self/gid_map", groups.as_bytes())?;
                say(c"/proc/self/uid_map", users.as_bytes())?;
            }
            raise_loopback()
        })?;
        let place = |name: &str| File::open(format!("/proc/{}/ns/{name}", child.id()));
        let opened = (|| {
            let user = with_user.then(|| place("user")).transpose()?;
            Ok(Self { user: user.map(Into::into), network: place("net")?.into() })
        })();
        // It waits no longer than for its standard input.
        drop(child.stdin.take());
        child.wait()?;
        opened
    }

    /// Makes `command` start inside.
    pub(crate) fn enter(self: &Arc<Self>, command: &mut Command) {
        let namespace = Arc::clone(self);
        // SAFETY: system calls alone, and no memory is allocated.
        unsafe {
            command.pre_exec(move || namespace.join());
        }
    }

    /// Moves this process inside. It must have no other thread.
    fn join(&self) -> io::Result<()> {
        if let Some(user) = &self.user {
            move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
        }
        move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }

    /// Opens a socket of this process that listens on 127.0.0.1 inside, at a free port there.
    pub(crate) fn listen(self: &Arc<Self>) -> io::Result<TcpListener> {
        // Only a process without threads can enter a user namespace, so a child makes the socket.
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let namespace = Arc::clone(self);
        let mut child = waiting(move || {
            namespace.join()?;
            let socket = rustix::net::socket_with(
                AddressFamily::INET,
                SocketType::STREAM,
                SocketFlags::CLOEXEC,
                None,
            )?;
            rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            rustix::net::listen(&socket, BACKLOG)?;
            send(theirs.as_fd(), socket.as_fd())
        })?;
        let received = receive(ours.as_fd());
        drop(child.stdin.take());
        child.wait()?;
        received.map(TcpListener::from)
    }
}

/// Starts a process that calls `first` and waits for the end of its standard input.
fn waiting(first: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read -r _"]).stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(Stdio::null()).process_group(0);
    // SAFETY: what is given makes system calls alone, and allocates no memory.
    unsafe {
        command.pre_exec(first);
    }
    command.spawn()
}

/// Writes to a file of `/proc`.
fn say(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text)?;
    Ok(())
}

/// The part of `struct ifreq` with which flags are set; see `netdevice(7)`.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// `SIOCSIFFLAGS`, and the flag that an interface is up.
const SET_FLAGS: rustix::ioctl::Opcode = 0x8914;
const IS_UP: i16 = 1;

fn raise_loopback() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut request = InterfaceFlags { name: [0; 16], flags: IS_UP, rest: [0; 22] };
    request.name[..2].copy_from_slice(b"lo");
    // SAFETY: the operation reads a request of this shape.
    unsafe {
        let set = rustix::ioctl::Setter::<SET_FLAGS, InterfaceFlags>::new(request);
        rustix::ioctl::ioctl(&socket, set)?;
    }
    Ok(())
}

/// Sends a descriptor to the other end of a socket pair.
fn send(through: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let flags = SendFlags::NOSIGNAL;
    rustix::net::sendmsg(through, &[IoSlice::new(b"s")], &mut ancillary, flags)?;
    Ok(())
}

/// Receives the descriptor that [`send`] sent.
fn receive(from: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    rustix::net::recvmsg(from, &mut bytes, &mut ancillary, flags)?;
    let sent = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    sent.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_inside_reaches_what_listens_inside_alone() {
        // Nothing to test where the system allows none; other tests cover that case.
        let Ok(namespace) = NetworkNamespace::new() else { return };
        let inside = namespace.listen().unwrap();
        let outside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let answers = thread::spawn({
            let inside = inside.try_clone().unwrap();
            move || inside.accept().unwrap().0.write_all(b"inside").unwrap()
        });
        let ask = |port: u16| {
            let mut command = Command::new("/bin/bash");
            command.args(["-c", &format!("cat < /dev/tcp/127.0.0.1/{port}")]);
            command.stderr(Stdio::null());
            namespace.enter(&mut command);
            command.output().unwrap()
        };
        assert_eq!(ask(inside.local_addr().unwrap().port()).stdout, b"inside");
        assert!(!ask(outside.local_addr().unwrap().port()).status.success());
        answers.join().unwrap();
        // The port inside cannot be reached from here.
        let port = inside.local_addr().unwrap().port();
        let reached = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        assert!(reached.is_err() || reached.unwrap().read(&mut [0]).is_err());
    }

    #[test]
    fn a_user_namespace_does_as_well() {
        let Ok(namespace) = NetworkNamespace::make(true) else { return };
        let namespace = Arc::new(namespace);
        assert!(namespace.listen().is_ok());
        let mut command = Command::new("/bin/cat");
        command.arg("/proc/net/dev");
        namespace.enter(&mut command);
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert_eq!(said.lines().count(), 3, "{said}");
    }
}
