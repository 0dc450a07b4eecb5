//! Key files: written atomically, memory-mapped, checked before use.
//!
//! A `proving.key` file; integers little-endian, H the header's length:
//!
//! ```text
//! offset  bytes
//!      0      8  magic "lemma.pk"
//!      8      4  version (u32)
//!     12      4  H (u32)
//!     16     32  circuit digest
//!     48     32  digest of the verifying key
//!     80     32  constraints, round-1 wires, round-2 wires, public values (u64 each)
//!    112    256  16 sections: length in bytes, checksum (u64 each)
//!    368         canonical bytes of the verifying key
//!    H-8      8  checksum of all bytes before
//! ```
//!
//! then the sections in the order of [`SECTIONS`], each from the next multiple of 64 bytes. Points
//! are the kernel's: 64 or 128 bytes of little-endian Montgomery limbs, infinity as zeros, used in
//! place. Lists of wires are u32, copied.
//!
//! A checksum is XXH3-64 over the XXH3-64 values of the pieces of 1 MiB. It finds accidents, not
//! adversaries: whoever can write the proving key can make the prover leak, or fail, so keep the
//! file as you keep the program. What it cannot do is prove something false, since the verifier
//! does not trust it.
//!
//! The key is as secret as the weights: its points are combinations of few public ones by the
//! weights of a layer, so where a row of weights is short or its entries are small, discrete
//! logarithms give them away. On Unix the file has mode 0600.

mod atomic;
mod header;
mod read;

use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;
use lemma_circuits::relation::{Layout, PUBLIC_WIRES};
use lemma_verifier::{Digest, PreparedKey, VerifyingKey};
use memmap2::Mmap;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

pub use atomic::{expect_replaceable, sync_folder, write_atomically, write_secret};
pub use header::VERSION;
pub use read::{MAX_VERIFYING_KEY, open_regular, read_at_most};

use crate::array::{Array, copy, map};
use crate::error::StoreError;
use crate::key::{Fixed, Material, ProvingKey, Round};
use crate::setup::domain;
use header::{Header, aligned, io_error};

/// Names of the sections, in file order.
pub const SECTIONS: [&str; 16] = [
    "the fixed points",
    "the wires of A in round 1",
    "A of round 1",
    "the wires of B in round 1",
    "B in G1 of round 1",
    "B in G2 of round 1",
    "K of round 1",
    "the wires of A in round 2",
    "A of round 2",
    "the wires of B in round 2",
    "B in G1 of round 2",
    "B in G2 of round 2",
    "K of round 2",
    "the quotient query",
    "the wires of C in round 1",
    "C of round 1",
];

const PIECE: usize = 1 << 20;

impl ProvingKey {
    /// Writes the key under `path`, atomically, readable by its owner alone: weights can be
    /// computed from it.
    ///
    /// # Errors
    /// When the file system refuses; whatever was at `path` is then untouched.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let sections = self.material.sections();
        let header = Header {
            layout: self.layout,
            circuit: self.verifying_key().parts().circuit_digest(),
            key_digest: self.verifying_key().digest(),
            key: self.verifying_key().to_bytes(),
            sections: sections.map(|section| (section.len() as u64, checksum(section))),
        };
        write_secret(path, |out| {
            let header = header.to_bytes();
            out.write_all(&header)?;
            let mut position = header.len();
            for section in sections {
                out.write_all(&[0; 64][..aligned(position) - position])?;
                out.write_all(section)?;
                position = aligned(position) + section.len();
            }
            Ok(())
        })
    }

    /// Maps the key at `path`, which must be for the circuit with digest `circuit`, and checks all
    /// of it.
    ///
    /// # Errors
    /// The first thing that is wrong with the file; see [`StoreError`].
    pub fn open(path: &Path, circuit: Digest) -> Result<ProvingKey, StoreError> {
        let file = open_regular(path).map_err(io_error("open", path))?;
        let map = map(&file).map_err(io_error("map", path))?;
        ProvingKey::from_map(&map, path, circuit)
    }

    /// The key in the contents of a file, which are copied. An error calls the file `memory`.
    ///
    /// # Errors
    /// As [`ProvingKey::open`].
    pub fn from_bytes(bytes: &[u8], circuit: Digest) -> Result<ProvingKey, StoreError> {
        let path = Path::new("memory");
        let map = copy(bytes).map_err(io_error("map", path))?;
        ProvingKey::from_map(&map, path, circuit)
    }

    fn from_map(map: &Arc<Mmap>, path: &Path, circuit: Digest) -> Result<ProvingKey, StoreError> {
        let (header, starts) = Header::read(map, path)?;
        let key = VerifyingKey::from_bytes(&header.key).and_then(|key| {
            key.expect_circuit(circuit)?;
            Ok(key)
        });
        let key = key.map_err(|source| StoreError::Key { path: path.to_path_buf(), source })?;
        if key.digest() != header.key_digest {
            return Err(StoreError::Digest {
                path: path.to_path_buf(),
                expected: header.key_digest,
                found: key.digest(),
            });
        }
        let windows = Windows { path, map, header: &header, starts };
        for index in 0..SECTIONS.len() {
            windows.check(index)?;
        }
        let material = Material::read(&windows)?;
        let inconsistent = |section| StoreError::Inconsistent { path: path.to_path_buf(), section };
        if header.circuit != circuit
            || key.parts().public_values != header.layout.public_values as u64
        {
            return Err(inconsistent("the header"));
        }
        // A domain of many rows takes memory: only where the file has a point for each.
        if header.layout.constraints > material.h.len() {
            return Err(inconsistent("the quotient query"));
        }
        let domain = domain(&header.layout).ok_or_else(|| inconsistent("the header"))?;
        if domain.size() != material.h.len() {
            return Err(inconsistent("the quotient query"));
        }
        if material.c_wires.par_iter().any(|&wire| wire as usize >= header.layout.round1) {
            return Err(inconsistent(SECTIONS[14]));
        }
        if material.c.len() != material.c_wires.len() {
            return Err(inconsistent(SECTIONS[15]));
        }
        material.round1.check(header.layout.round1).map_err(|at| inconsistent(SECTIONS[1 + at]))?;
        material.round2.check(header.layout.round2).map_err(|at| inconsistent(SECTIONS[7 + at]))?;
        Ok(ProvingKey { layout: header.layout, domain, key: PreparedKey::new(key), material })
    }
}

/// Writes a verifying key under `path`, atomically.
///
/// # Errors
/// When the file system refuses.
pub fn write_verifying_key(key: &VerifyingKey, path: &Path) -> Result<(), StoreError> {
    write_atomically(path, |out| out.write_all(&key.to_file()))
}

/// Reads and checks the verifying key at `path`.
///
/// # Errors
/// When the file cannot be read, does not parse, or the key is refused.
pub fn read_verifying_key(path: &Path) -> Result<VerifyingKey, StoreError> {
    let bytes = read_at_most(path, MAX_VERIFYING_KEY).map_err(io_error("read", path))?;
    VerifyingKey::from_file(&bytes)
        .map_err(|source| StoreError::Key { path: path.to_path_buf(), source })
}

/// The checksum of a section or of the header.
pub fn checksum(bytes: &[u8]) -> u64 {
    let pieces: Vec<u64> = bytes.par_chunks(PIECE).map(xxh3_64).collect();
    xxh3_64(bytemuck::cast_slice(&pieces))
}

/// The sections of a mapped file.
struct Windows<'a> {
    path: &'a Path,
    map: &'a Arc<Mmap>,
    header: &'a Header,
    starts: [usize; SECTIONS.len()],
}

impl Windows<'_> {
    fn check(&self, index: usize) -> Result<(), StoreError> {
        let (length, expected) = self.header.sections[index];
        let start = self.starts[index];
        let window = self.map.get(start..start + length as usize);
        if window.map(checksum) != Some(expected) {
            return Err(StoreError::Checksum {
                path: self.path.to_path_buf(),
                section: SECTIONS[index],
            });
        }
        Ok(())
    }

    fn array<T: Pod>(&self, index: usize) -> Result<Array<T>, StoreError> {
        let (length, _) = self.header.sections[index];
        Array::mapped(self.map, self.starts[index], length as usize).ok_or_else(|| {
            StoreError::Inconsistent { path: self.path.to_path_buf(), section: SECTIONS[index] }
        })
    }
}

impl Material {
    fn sections(&self) -> [&[u8]; SECTIONS.len()] {
        let [a1, b1, c1, d1, e1, f1] = self.round1.sections();
        let [a2, b2, c2, d2, e2, f2] = self.round2.sections();
        let fixed = bytemuck::bytes_of(&self.fixed);
        let [h, wires, c] = [
            bytemuck::cast_slice(&self.h),
            bytemuck::cast_slice(&self.c_wires),
            bytemuck::cast_slice(&self.c),
        ];
        [fixed, a1, b1, c1, d1, e1, f1, a2, b2, c2, d2, e2, f2, h, wires, c]
    }

    fn read(windows: &Windows) -> Result<Material, StoreError> {
        let fixed: Array<Fixed> = windows.array(0)?;
        let [fixed] = *fixed else {
            return Err(StoreError::Inconsistent {
                path: windows.path.to_path_buf(),
                section: SECTIONS[0],
            });
        };
        Ok(Material {
            fixed,
            round1: Round::read(windows, 1)?,
            round2: Round::read(windows, 7)?,
            h: windows.array(13)?,
            c_wires: windows.array(14)?.to_vec(),
            c: windows.array(15)?,
        })
    }
}

impl Round {
    fn sections(&self) -> [&[u8]; 6] {
        [
            bytemuck::cast_slice(&self.a_wires),
            bytemuck::cast_slice(&self.a),
            bytemuck::cast_slice(&self.b_wires),
            bytemuck::cast_slice(&self.b1),
            bytemuck::cast_slice(&self.b2),
            bytemuck::cast_slice(&self.k),
        ]
    }

    fn read(windows: &Windows, first: usize) -> Result<Round, StoreError> {
        Ok(Round {
            a_wires: windows.array(first)?.to_vec(),
            a: windows.array(first + 1)?,
            b_wires: windows.array(first + 2)?.to_vec(),
            b1: windows.array(first + 3)?,
            b2: windows.array(first + 4)?,
            k: windows.array(first + 5)?,
        })
    }

    /// Lists as long as their points and within `wires`; else the position of the bad section.
    fn check(&self, wires: usize) -> Result<(), usize> {
        let inside = |list: &[u32]| list.par_iter().all(|&wire| (wire as usize) < wires);
        let rules = [
            (0, inside(&self.a_wires)),
            (1, self.a.len() == self.a_wires.len()),
            (2, inside(&self.b_wires)),
            (3, self.b1.len() == self.b_wires.len()),
            (4, self.b2.len() == self.b_wires.len()),
            (5, self.k.len() == wires),
        ];
        rules.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(at, _)| Err(at))
    }
}

const _: () = assert!(
    cfg!(target_endian = "little"),
    "key files hold little-endian limbs that are used in place"
);
const _: () = assert!(PUBLIC_WIRES == 3 && size_of::<Fixed>() == 1472 && size_of::<Layout>() == 32);
