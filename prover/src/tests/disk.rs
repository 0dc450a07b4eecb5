//! Key files: damaged, cut, of another circuit, in folders that cannot be written.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lemma_verifier::error::KeyError;
use lemma_verifier::{Context, Digest};

use super::toy::{Toy, rng};
use crate::error::{ProveError, StoreError};
use crate::key::ProvingKey;
use crate::prove::prove;
use crate::store::{
    SECTIONS, checksum, expect_replaceable, read_at_most, read_verifying_key, write_atomically,
    write_secret, write_verifying_key,
};

/// The circuit digest of the keys that are written here.
fn circuit() -> Digest {
    Toy::new(12, 8, 3).circuit_digest()
}

struct Scene {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    /// Start and length of each section.
    sections: Vec<(usize, usize)>,
    header: usize,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("proving.key");
        Toy::new(12, 8, 3).keys(&mut rng(seed)).write(&path).expect("a writable folder");
        let bytes = fs::read(path).expect("just written");
        let number =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
        let header = u32::from_le_bytes(bytes[12..16].try_into().expect("4 bytes")) as usize;
        let mut end = header;
        let mut sections = Vec::new();
        for index in 0..SECTIONS.len() {
            let start = end.next_multiple_of(64);
            let length = number(112 + 16 * index);
            sections.push((start, length));
            end = start + length;
        }
        assert_eq!(end, bytes.len());
        assert!(
            sections.iter().all(|(_, length)| *length > 0),
            "every section has something to damage"
        );
        Scene { folder, bytes, sections, header }
    }

    fn open(&self, bytes: &[u8]) -> Result<ProvingKey, StoreError> {
        let path = self.folder.path().join("changed.key");
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).expect("a writable folder");
        ProvingKey::open(&path, circuit())
    }

    /// The file with a changed header or section and all checksums made to fit.
    fn resealed(&self, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        change(&mut bytes);
        for (index, (start, length)) in self.sections.iter().enumerate() {
            let sum = checksum(&bytes[*start..start + length]);
            bytes[120 + 16 * index..][..8].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = checksum(&bytes[..self.header - 8]);
        bytes[self.header - 8..self.header].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn a_key_file_survives_and_leaves_nothing_beside_it() {
    let scene = Scene::new(140);
    let key = scene.open(&scene.bytes).expect("undamaged");
    let path = scene.folder.path().join("again.key");
    key.write(&path).expect("a writable folder");
    assert_eq!(fs::read(path).expect("just written"), scene.bytes);
    assert_eq!(names(scene.folder.path()).len(), 3);
    for (start, _) in &scene.sections {
        assert_eq!(start % 64, 0);
    }
}

#[test]
fn rejects_a_key_cut_at_every_section_boundary_and_between() {
    let scene = Scene::new(141);
    let mut cuts =
        vec![0, 1, 7, 8, 12, 15, 16, 100, scene.header - 1, scene.header, scene.bytes.len() - 1];
    for (start, length) in &scene.sections {
        cuts.extend([*start, start + length / 2, start + length - 1]);
    }
    cuts.retain(|cut| *cut < scene.bytes.len());
    for cut in cuts {
        let result = scene.open(&scene.bytes[..cut]);
        let found_expected = matches!(result, Err(StoreError::Length { found, expected, .. }) if found == cut as u64 && expected > found);
        assert!(found_expected, "cut at {cut}: {result:?}");
    }
    let longer = [&scene.bytes[..], &[0]].concat();
    assert!(matches!(scene.open(&longer), Err(StoreError::Length { .. })));
}

#[test]
fn rejects_a_flipped_bit_at_both_ends_and_in_the_middle_of_every_section() {
    let scene = Scene::new(142);
    for (index, (start, length)) in scene.sections.iter().enumerate() {
        for at in [*start, start + length / 2, start + length - 1] {
            for bit in [0, 7] {
                let mut bytes = scene.bytes.clone();
                bytes[at] ^= 1 << bit;
                let result = scene.open(&bytes);
                assert!(
                    matches!(&result, Err(StoreError::Checksum { section, .. }) if *section == SECTIONS[index]),
                    "byte {at}: {result:?}"
                );
            }
        }
    }
}

#[test]
fn rejects_a_flipped_bit_anywhere_in_the_header() {
    let scene = Scene::new(143);
    for at in 0..scene.header {
        let mut bytes = scene.bytes.clone();
        bytes[at] ^= 4;
        let result = scene.open(&bytes);
        let typed = match at {
            0..8 => matches!(result, Err(StoreError::Magic { .. })),
            8..12 => matches!(result, Err(StoreError::Version { .. })),
            12..16 => {
                matches!(result, Err(StoreError::Checksum { .. } | StoreError::Length { .. }))
            }
            _ => matches!(result, Err(StoreError::Checksum { section: "the header", .. })),
        };
        assert!(typed, "byte {at}: {result:?}");
    }
}

#[test]
fn rejects_contents_that_make_no_sense_behind_fitting_checksums() {
    let scene = Scene::new(144);
    let inconsistent = |bytes: &[u8], expected: &str| {
        let result = scene.open(bytes);
        assert!(
            matches!(&result, Err(StoreError::Inconsistent { section, .. }) if *section == expected),
            "{result:?}"
        );
    };
    for section in [1, 3, 7, 9, 14] {
        let (start, _) = scene.sections[section];
        let bytes = scene.resealed(|bytes| bytes[start..start + 4].fill(0xff));
        inconsistent(&bytes, SECTIONS[section]);
    }
    inconsistent(&scene.resealed(|bytes| bytes[80] ^= 64), "the quotient query");
    inconsistent(&scene.resealed(|bytes| bytes[87] = 0xff), "the quotient query");
    // 2^27 rows, within the limit: refused before a domain for them is made.
    inconsistent(&scene.resealed(|bytes| bytes[83] = 8), "the quotient query");
    inconsistent(&scene.resealed(|bytes| bytes[88] += 1), SECTIONS[6]);
    inconsistent(&scene.resealed(|bytes| bytes[96] += 1), SECTIONS[12]);
    inconsistent(&scene.resealed(|bytes| bytes[104] += 1), "the header");
    inconsistent(&scene.resealed(|bytes| bytes[16] ^= 1), "the header");
    let result = scene.open(&scene.resealed(|bytes| bytes[48] ^= 1));
    assert!(matches!(result, Err(StoreError::Digest { .. })));
    let result = scene.open(&scene.resealed(|bytes| bytes[368 + 60] ^= 1));
    assert!(
        matches!(result, Err(StoreError::Key { source: KeyError::Point { .. }, .. })),
        "{result:?}"
    );
}

#[test]
fn rejects_the_key_of_another_circuit_and_files_that_are_not_there() {
    let scene = Scene::new(145);
    let path = scene.folder.path().join("proving.key");
    let result = ProvingKey::open(&path, Digest([4; 32]));
    assert!(matches!(result, Err(StoreError::Key { source: KeyError::OtherCircuit { .. }, .. })));
    let result = ProvingKey::open(&scene.folder.path().join("none"), circuit());
    assert!(matches!(result, Err(StoreError::Io { action: "open", .. })));
}

#[test]
fn a_verifying_key_file_survives_and_a_damaged_one_is_rejected() {
    let scene = Scene::new(146);
    let key = scene.open(&scene.bytes).expect("undamaged").verifying_key().clone();
    let path = scene.folder.path().join("verifying.key");
    write_verifying_key(&key, &path).expect("a writable folder");
    assert_eq!(read_verifying_key(&path).expect("own output"), key);
    let mut bytes = fs::read(&path).expect("just written");
    bytes[500] ^= 1;
    fs::write(&path, bytes).expect("a writable folder");
    let result = read_verifying_key(&path);
    assert!(matches!(result, Err(StoreError::Key { source: KeyError::Checksum { .. }, .. })));
}

#[test]
fn a_write_that_stops_leaves_the_old_file_and_no_partial_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proving.key");
    write_atomically(&path, |out| out.write_all(b"old")).expect("a writable folder");
    let result = write_atomically(&path, |out| {
        out.write_all(&[1; 3 << 20])?;
        Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"))
    });
    assert!(matches!(result, Err(StoreError::Io { action: "write", .. })));
    assert_eq!(fs::read(&path).expect("still there"), b"old");
    assert_eq!(names(folder.path()), std::slice::from_ref(&path));
    write_atomically(&path, |out| out.write_all(b"new")).expect("a writable folder");
    assert_eq!(fs::read(&path).expect("still there"), b"new");
    assert_eq!(names(folder.path()), [path]);
}

#[test]
fn a_panic_while_writing_leaves_the_old_file_and_no_partial_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proving.key");
    write_atomically(&path, |out| out.write_all(b"old")).expect("a writable folder");
    let stopped = std::panic::catch_unwind(|| {
        write_atomically(&path, |out| {
            out.write_all(&[1; 3 << 20])?;
            panic!("killed here on purpose")
        })
    });
    assert!(stopped.is_err());
    assert_eq!(fs::read(&path).expect("still there"), b"old");
    assert_eq!(names(folder.path()), [path]);
}

#[test]
fn rejects_folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let result =
        write_atomically(&folder.path().join("none/proving.key"), |out| out.write_all(b"new"));
    assert!(matches!(result, Err(StoreError::Io { action: "create a file beside", .. })));
    let occupied = folder.path().join("occupied");
    fs::create_dir(&occupied).expect("a writable folder");
    let result = write_atomically(&occupied, |out| out.write_all(b"new"));
    assert!(matches!(result, Err(StoreError::Occupied { kind: "regular file", .. })));
    assert_eq!(names(folder.path()), [occupied]);
}

#[test]
fn the_parts_of_killed_writers_are_swept_and_those_of_others_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let [left, held, other] =
        [".lemma-1.part", ".lemma-2.part", "lemma-3.part"].map(|name| folder.path().join(name));
    fs::write(&left, b"half").expect("a writable folder");
    fs::write(&other, b"mine").expect("a writable folder");
    let writing = fs::File::create(&held).expect("a writable folder");
    writing.lock().expect("a lock");
    let path = folder.path().join("proof.json");
    write_atomically(&path, |out| out.write_all(b"new")).expect("a writable folder");
    assert_eq!([left.exists(), held.exists(), other.exists()], [false, true, true]);
}

#[test]
fn a_file_of_another_kind_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let may = |path: &Path| expect_replaceable(path, "proof file", "lemma-proof");
    assert!(may(&path).is_ok(), "nothing is there");
    for (contents, expected) in
        [("", true), ("{ \"format\": \"lemma-proof-1\"", true), ("lemma.pk", false)]
    {
        fs::write(&path, contents).expect("a writable folder");
        let result = may(&path);
        assert_eq!(result.is_ok(), expected, "{contents}");
        assert!(expected || matches!(result, Err(StoreError::Occupied { kind: "proof file", .. })));
    }
    assert!(matches!(may(folder.path()), Err(StoreError::Occupied { kind: "regular file", .. })));
}

#[cfg(unix)]
#[test]
fn permissions_are_passed_on_and_a_secret_has_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let mode = || fs::metadata(&path).expect("there").permissions().mode() & 0o777;
    fs::write(&path, b"old").expect("a writable folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("own file");
    write_atomically(&path, |out| out.write_all(b"new")).expect("a writable folder");
    assert_eq!(mode(), 0o640);
    write_secret(&path, |out| out.write_all(b"secret")).expect("a writable folder");
    assert_eq!(mode(), 0o600);
}

#[test]
fn reads_have_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    fs::write(&path, [7; 10]).expect("a writable folder");
    assert_eq!(read_at_most(&path, 10).expect("short enough"), [7; 10]);
    assert_eq!(read_at_most(&path, 9).expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
    for endless in [folder.path(), Path::new("/dev/zero")] {
        assert!(read_at_most(endless, 10).is_err(), "{}", endless.display());
    }
    let result = read_verifying_key(Path::new("/dev/zero"));
    assert!(matches!(result, Err(StoreError::Io { action: "read", .. })));
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_keeps_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proving.key");
    write_atomically(&path, |out| out.write_all(b"old")).expect("a writable folder");
    let mode = |mode| {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("own folder")
    };
    mode(0o555);
    let privileged = fs::write(folder.path().join("probe"), b"").is_ok();
    let result = write_atomically(&path, |out| out.write_all(b"new"));
    mode(0o755);
    if privileged {
        println!("skipped: this user writes to read-only folders");
        return;
    }
    assert!(matches!(result, Err(StoreError::Io { action: "create a file beside", .. })));
    assert_eq!(fs::read(&path).expect("still there"), b"old");
    assert_eq!(names(folder.path()), [path]);
}

#[test]
fn a_mapped_key_outlives_its_replacement() {
    let toy = Toy::new(12, 8, 3);
    let scene = Scene::new(147);
    let path = scene.folder.path().join("proving.key");
    let mapped = ProvingKey::open(&path, circuit()).expect("undamaged");
    toy.keys(&mut rng(148)).write(&path).expect("a writable folder");
    let mut filled = toy.random(&mut rng(149));
    prove(&mapped, &mut filled, Context::NONE, &()).expect("the old key is intact");
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("a writable file");
    file.write_all(b"x").expect("a writable file");
    assert!(matches!(ProvingKey::open(&path, circuit()), Err(StoreError::Length { .. })));
}

/// Nothing rechecks a mapped file while it is used; the proof itself is the check.
#[test]
fn damage_after_opening_is_caught_before_a_proof_is_returned() {
    let toy = Toy::new(12, 8, 3);
    let scene = Scene::new(150);
    let path = scene.folder.path().join("proving.key");
    for (index, (start, length)) in scene.sections.iter().enumerate() {
        fs::write(&path, &scene.bytes).expect("a writable file");
        let key = ProvingKey::open(&path, circuit()).expect("undamaged");
        let mut damaged = scene.bytes.clone();
        for (mask, byte) in (1..).zip(damaged[*start..start + length].iter_mut().step_by(32)) {
            *byte ^= mask;
        }
        fs::write(&path, &damaged).expect("a writable file");
        let result = prove(&key, &mut toy.random(&mut rng(151)), Context::NONE, &());
        let caught = matches!(result, Err(ProveError::SelfCheck(_) | ProveError::Degenerate(_)));
        let copied = [0, 1, 3, 7, 9, 14].contains(&index);
        assert_eq!(caught, !copied, "{}: {result:?}", SECTIONS[index]);
    }
}
