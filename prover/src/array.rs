//! A slice that lies either in memory or in a mapped file.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::{Mmap, MmapMut};

/// Maps a whole file for reading.
///
/// # Errors
/// When the operating system cannot.
#[allow(
    unsafe_code,
    reason = "a mapped file can change under the program; key files are replaced by rename and \
        never written in place"
)]
pub(crate) fn map(file: &File) -> io::Result<Arc<Mmap>> {
    // SAFETY: nothing in this project writes to a key file after it has its final name. Another
    // program that truncates it makes later reads fault; one that changes it makes wrong points,
    // which the prover's self check catches. Every bit pattern is a valid value of the types that
    // are read from the map.
    Ok(Arc::new(unsafe { Mmap::map(file) }?))
}

/// The contents of a file, aligned as a mapped one is.
///
/// # Errors
/// When the operating system has no memory, or there are no contents.
pub(crate) fn copy(bytes: &[u8]) -> io::Result<Arc<Mmap>> {
    let mut map = MmapMut::map_anon(bytes.len())?;
    map.copy_from_slice(bytes);
    Ok(Arc::new(map.make_read_only()?))
}

/// Values of type `T`.
#[derive(Debug)]
pub(crate) enum Array<T> {
    /// In memory.
    Owned(Vec<T>),
    /// In a mapped file.
    Mapped(Mapped<T>),
}

/// A window of a mapped file whose bounds and alignment were checked.
#[derive(Debug)]
pub(crate) struct Mapped<T> {
    map: Arc<Mmap>,
    start: usize,
    bytes: usize,
    of: PhantomData<T>,
}

impl<T: Pod> Array<T> {
    /// The window of `bytes` bytes from `start`; `None` unless it lies in the map, is aligned and
    /// holds whole values.
    pub(crate) fn mapped(map: &Arc<Mmap>, start: usize, bytes: usize) -> Option<Array<T>> {
        let window = map.get(start..start.checked_add(bytes)?)?;
        bytemuck::try_cast_slice::<u8, T>(window).ok()?;
        Some(Array::Mapped(Mapped { map: Arc::clone(map), start, bytes, of: PhantomData }))
    }
}

impl<T> From<Vec<T>> for Array<T> {
    fn from(values: Vec<T>) -> Array<T> {
        Array::Owned(values)
    }
}

impl<T: Pod> Deref for Array<T> {
    type Target = [T];

    /// Cannot panic: [`Array::mapped`] has tried the same window and cast, and neither the map's
    /// address nor its length changes.
    fn deref(&self) -> &[T] {
        match self {
            Array::Owned(values) => values,
            Array::Mapped(window) => {
                bytemuck::cast_slice(&window.map[window.start..window.start + window.bytes])
            }
        }
    }
}
