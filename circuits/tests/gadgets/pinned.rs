//! What the circuits of the cases are, written down in `circuits.txt`: for each its digest and how
//! many constraints of each name it has. A constraint that disappears shows there, and a gadget
//! that changes under one [`LOWERING_VERSION`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use lemma_circuits::relation::Relation;
use lemma_circuits::{Compiled, LOWERING_VERSION};
use lemma_graph::{Leak, NodeId, Op};
use sha3::{Digest, Keccak256};

use crate::every_case;
use crate::support::{NARROW, compile, graph};

const FILE: &str = "circuits/tests/gadgets/circuits.txt";

/// The digest of the three matrices: keccak256 of the sizes and of `A^T l`, `B^T l` and `C^T l` for
/// one fixed vector `l` of hashes. Different matrices have the same products with probability 1/r.
fn digest(compiled: &Compiled) -> String {
    let circuit = compiled.circuit();
    let layout = circuit.layout();
    let element =
        |row: usize| Fr::from_be_bytes_mod_order(&Keccak256::digest((row as u64).to_be_bytes()));
    let columns = circuit.columns(&(0..layout.constraints).map(element).collect::<Vec<Fr>>());
    let mut hash = Keccak256::new();
    for size in [layout.constraints, layout.round1, layout.round2, layout.public_values] {
        hash.update((size as u64).to_be_bytes());
    }
    for column in columns.a.iter().chain(&columns.b).chain(&columns.c) {
        hash.update(column.into_bigint().to_bytes_be());
    }
    hash.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn describe() -> String {
    let mut text = format!("lowering version {LOWERING_VERSION}\n");
    for case in every_case() {
        let compiled = case.compile();
        writeln!(text, "\n{}: {}", case.name, digest(&compiled)).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (site, rows) in compiled.circuit().sites() {
            *counts.entry(format!("{}.{}", site.gadget, site.name)).or_default() += rows.len();
        }
        counts.iter().for_each(|(name, count)| writeln!(text, "    {name} {count}").unwrap());
    }
    text
}

/// The paragraph of each case, by its name.
fn paragraphs(text: &str) -> BTreeMap<&str, &str> {
    text.split("\n\n")
        .skip(1)
        .filter_map(|paragraph| Some((paragraph.split_once(':')?.0, paragraph.trim_end())))
        .collect()
}

/// With `LEMMA_WRITE_CIRCUITS` set, the file is written anew, unless a circuit of this version
/// would change.
#[test]
fn circuits_are_those_of_their_lowering_version() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FILE);
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let found = describe();
    let same_version = written.lines().next() == found.lines().next();
    let (old, new) = (paragraphs(&written), paragraphs(&found));
    let changed: Vec<&str> = old
        .iter()
        .filter(|(name, was)| new.get(*name).is_some_and(|is| is != *was))
        .map(|(_, was)| *was)
        .collect();
    assert!(
        !same_version || changed.is_empty(),
        "these circuits have changed, so keys made for them before would be taken for keys of the \
            circuits now. If the change is meant, raise \
         LOWERING_VERSION in circuits/src/compiled.rs, write {FILE} anew (LEMMA_WRITE_CIRCUITS=1) \
         and say in docs/gadgets.md what the constraints are:\n\n{}",
        changed
            .iter()
            .map(|was| format!("{was}\nis now\n{}", new[was.split(':').next().unwrap_or_default()]))
            .collect::<Vec<_>>()
            .join("\n\n")
    );
    if std::env::var_os("LEMMA_WRITE_CIRCUITS").is_some() {
        std::fs::write(&file, found).unwrap();
    } else {
        assert_eq!(
            written, found,
            "{FILE} lacks a case, has one too many or is of another version; \
                LEMMA_WRITE_CIRCUITS=1 writes it anew"
        );
    }
}

#[test]
fn unused_nodes_change_the_digest() {
    let op = Op::Relu { shift: 0, bits: 6, leak: Leak::none() };
    let base = graph(NARROW, &[2], op, 2);
    let mut other = base.clone();
    other.push("extra", Op::Sum([2].into()), &[NodeId(0)], &[2], 0).unwrap();
    assert_ne!(compile(base.clone()).digest(), compile(other).digest());
    assert_eq!(compile(base.clone()).digest(), compile(base).digest());
}
