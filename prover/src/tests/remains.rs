//! What setup and proof leave of their secrets in the memory of the process: nothing.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ark_bn254::Fr;
use lemma_circuits::relation::{PUBLIC_WIRES, Relation};
use lemma_verifier::Context;

use super::toy::{Toy, rng};
use crate::kernel::Domain;
use crate::prove::{Blinding, prove_with};
use crate::setup::{Trapdoor, setup_with};

/// One test at a time: a snapshot that another test takes during a setup holds what the setup
/// does not leave.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All writable memory of this process, by region.
fn snapshot() -> Vec<(String, Vec<u8>)> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let mut memory = std::fs::File::open("/proc/self/mem").expect("Linux");
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, mode) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let ends: Vec<u64> =
            range.split('-').filter_map(|end| u64::from_str_radix(end, 16).ok()).collect();
        let [from, to] = ends[..] else { continue };
        if !mode.starts_with("rw") {
            continue;
        }
        let mut bytes = vec![0; (to - from) as usize];
        memory.seek(SeekFrom::Start(from)).expect("an address");
        // A region that another thread has unmapped meanwhile is gone.
        if memory.read_exact(&mut bytes).is_ok() {
            found.push((fields.nth(3).unwrap_or("anonymous").to_owned(), bytes));
        }
    }
    found
}

fn words(value: &Fr) -> [u64; 4] {
    value.0.0
}

/// The names of the values that are somewhere in `memory`, in Montgomery form at a multiple of
/// eight bytes.
fn remaining(memory: &[(String, Vec<u8>)], wanted: &[(String, Fr)]) -> Vec<String> {
    let first: BTreeMap<u64, &(String, Fr)> =
        wanted.iter().map(|entry| (words(&entry.1)[0], entry)).collect();
    let mut found = Vec::new();
    for (region, bytes) in memory {
        let all: Vec<u64> =
            bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        for (at, word) in all.iter().enumerate() {
            if let Some((name, value)) = first.get(word)
                && all.get(at..at + 4) == Some(&words(value))
            {
                found.push(format!("{name} in {region}"));
            }
        }
    }
    found
}

#[test]
fn a_value_that_is_kept_is_found() {
    let _alone = alone();
    let kept = Box::new(Fr::from(0x1234_5678_9abc_def1u64));
    let memory = snapshot();
    let wanted = [("the value".to_owned(), *kept)];
    assert!(!remaining(&memory, &wanted).is_empty());
}

#[test]
fn nothing_of_the_trapdoor_is_left_after_a_setup() {
    let _alone = alone();
    for squares in [120usize, 20_000] {
        let toy = Toy::new(squares, 64, 4);
        let seed = 4242 + squares as u64;
        let keys = setup_with(&toy, toy.info(), &mut rng(seed), &()).expect("a good relation");
        let memory = snapshot();
        drop(keys);
        // Only now is the trapdoor drawn once more, to know what to look for.
        let domain = Domain::new(toy.layout().constraints + PUBLIC_WIRES).expect("small");
        let t = Trapdoor::random(&domain, &mut rng(seed)).expect("seeded");
        let mut wanted: Vec<(String, Fr)> = [
            ("alpha", t.alpha),
            ("beta", t.beta),
            ("gamma", t.gamma),
            ("delta1", t.delta1),
            ("delta2", t.delta2),
            ("tau", t.tau),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        wanted.push(("tau / g".into(), t.tau / domain.coset()));
        for (j, value) in domain.lagrange(t.tau).into_iter().enumerate() {
            wanted.push((format!("tau - e_{j}"), t.tau - domain.element(j)));
            wanted.push((format!("tau / g - e_{j}"), t.tau / domain.coset() - domain.element(j)));
            wanted.push((format!("L_{j}(tau)"), value));
        }
        assert_eq!(remaining(&memory, &wanted), Vec::<String>::new(), "{squares} squares");
    }
}

#[test]
fn nothing_of_the_blinding_is_left_after_a_proof() {
    let _alone = alone();
    let toy = Toy::new(400, 64, 4);
    let key = toy.keys(&mut rng(4300));
    let mut filled = toy.random(&mut rng(4301));
    let proven = prove_with(&key, &mut filled, Context::NONE, &mut rng(4302), &())
        .expect("a true statement");
    let memory = snapshot();
    drop(proven);
    let blinding = Blinding::random(&mut rng(4302)).expect("seeded");
    let wanted = [("rho", blinding.rho), ("r", blinding.r), ("s", blinding.s)]
        .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(remaining(&memory, &wanted), Vec::<String>::new());
}
