//! True statements have proofs, of every size.

use std::sync::Mutex;

use lemma_verifier::Context;

use super::toy::{Toy, rng};
use crate::kernel::{Path, set_path};
use crate::prove::{prove, prove_with};
use crate::setup::setup;

/// Sizes around the domain's: with the 3 public rows, `n - 3` fills a domain of size n and `n - 2`
/// needs the next.
#[test]
fn proves_relations_of_every_size() {
    let mut rng = rng(110);
    let lookups = [Toy::new(2, 3, 1), Toy::new(200, 590, 9)];
    assert_eq!(lookups[1].rows.len(), 1000);
    let plain = [1, 2, 4, 5, 6, 7, 12, 13, 14, 61, 62, 189, 190, 253, 254, 381, 382]
        .map(|rows: usize| Toy::new(rows - rows / 4, 0, rows / 4));
    for toy in plain.into_iter().chain(lookups) {
        let key = toy.keys(&mut rng);
        for context in [Context::NONE, Context::of(b"nonce")] {
            let mut filled = toy.random(&mut rng);
            let proven = prove(&key, &mut filled, context, &()).expect("a true statement");
            assert_eq!(proven.values.as_slice(), filled.public);
            let again = key.verifying_key().verify(&proven.values, context, &proven.proof);
            assert_eq!(again.expect("verified before"), proven.verified);
        }
    }
}

#[test]
fn the_same_statement_proven_twice_has_different_bytes() {
    let mut rng = rng(111);
    let toy = Toy::new(4, 8, 2);
    let key = toy.keys(&mut rng);
    let mut filled = toy.random(&mut rng);
    let first = prove(&key, &mut filled, Context::NONE, &()).expect("a true statement").proof;
    let second = prove(&key, &mut filled, Context::NONE, &()).expect("a true statement").proof;
    assert_ne!(first.a(), second.a());
    assert_ne!(first.b(), second.b());
    assert_ne!(first.c1(), second.c1());
    assert_ne!(first.c2(), second.c2());
}

#[test]
fn two_setups_have_different_keys_and_say_that_they_are_for_development() {
    let toy = Toy::new(2, 0, 1);
    let (_, first) = setup(&toy, toy.info(), &()).expect("a good relation");
    let (_, second) = setup(&toy, toy.info(), &()).expect("a good relation");
    assert!(first.parts().development);
    assert_ne!(first.digest(), second.digest());
    assert_ne!(first.parts().gamma2, second.parts().gamma2);
}

#[test]
fn an_owned_and_a_mapped_key_give_the_same_proof() {
    let toy = Toy::new(20, 16, 5);
    let owned = toy.keys(&mut rng(112));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proving.key");
    owned.write(&path).expect("a writable folder");
    let mapped = crate::ProvingKey::open(&path, toy.circuit_digest()).expect("own output");
    let proofs = [&owned, &mapped].map(|key| {
        let mut filled = toy.random(&mut rng(113));
        prove_with(key, &mut filled, Context::NONE, &mut rng(114), &())
            .expect("a true statement")
            .proof
    });
    assert_eq!(proofs[0], proofs[1]);
}

/// On both paths and any number of threads, one source of randomness gives the same key file and
/// the same proof.
#[test]
fn every_path_and_number_of_threads_gives_the_same_bytes() {
    if Path::detect() == Path::Portable {
        println!("this processor has no vector path: only the portable one is tested");
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Domains of 3 * 2^7 and of 2^12 elements.
    for toy in [Toy::new(120, 77, 40), Toy::new(900, 1900, 300)] {
        let mut first = None;
        for (path, threads) in [Path::Vector, Path::Portable]
            .into_iter()
            .flat_map(|path| [1, 2, 3, 8].map(|n| (path, n)))
        {
            set_path(Some(path));
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let bytes = pool.install(|| {
                let key = toy.keys(&mut rng(116));
                let file = folder.path().join("proving.key");
                key.write(&file).expect("a writable folder");
                let mut filled = toy.random(&mut rng(117));
                let proven = prove_with(&key, &mut filled, Context::NONE, &mut rng(118), &())
                    .expect("a true statement");
                (std::fs::read(file).expect("just written"), proven.proof.to_bytes())
            });
            set_path(None);
            let (key, proof) = first.get_or_insert_with(|| bytes.clone());
            assert!(*key == bytes.0, "keys differ: {path:?}, {threads} threads");
            assert!(*proof == bytes.1, "proofs differ: {path:?}, {threads} threads");
        }
    }
}

#[test]
fn progress_grows_from_nothing_to_all() {
    let toy = Toy::new(4, 4, 1);
    let reports = Mutex::new(Vec::new());
    let record = |_: &'static str, done: f64| reports.lock().expect("no panic").push(done);
    let (key, _) = setup(&toy, toy.info(), &record).expect("a good relation");
    let taken = std::mem::take(&mut *reports.lock().expect("no panic"));
    assert!(
        taken.is_sorted() && taken.first() == Some(&0.0) && taken.last() == Some(&1.0),
        "{taken:?}"
    );
    prove(&key, &mut toy.random(&mut rng(115)), Context::NONE, &record).expect("a true statement");
    let taken = std::mem::take(&mut *reports.lock().expect("no panic"));
    assert!(
        taken.is_sorted() && taken.first() == Some(&0.0) && taken.last() == Some(&1.0),
        "{taken:?}"
    );
}
