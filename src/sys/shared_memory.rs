//! Memory that another process fills.

#![expect(unsafe_code, reason = "mapped memory")]

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::ftruncate;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Anonymous memory behind a file descriptor, mapped for reading. Gone with its last holder.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    fd: OwnedFd,
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is not bound to a thread, and it is only read.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Creates memory of so many bytes, zeroed. It can never shrink, so that reading it cannot
    /// fault.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let fd = anonymous_file()?;
        ftruncate(&fd, bytes as u64)?;
        // Without seals elsewhere: the other process is our child.
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{SealFlags, fcntl_add_seals};
            fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
        }
        // SAFETY: a fresh mapping at an address that the kernel chooses.
        let start =
            unsafe { mmap(ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, &fd, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { fd, start, bytes })
    }

    /// The descriptor for the process that fills it.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The number of bytes.
    pub(crate) const fn len(&self) -> usize {
        self.bytes
    }

    /// The bytes in their present state.
    ///
    /// The other process must not be writing: it writes only while it serves our request, for whose
    /// answer `&mut self` has waited.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped for as long as `self`, never shorter (sealed), and not written meanwhile,
        // as said above.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

#[cfg(target_os = "linux")]
fn anonymous_file() -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("pagereel-frame", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?)
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file() -> io::Result<OwnedFd> {
    tempfile::tempfile().map(OwnedFd::from)
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: our own mapping, of which no borrow is left.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "our own mapping");
    }
}
