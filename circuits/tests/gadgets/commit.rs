//! Commitments: the circuit's digest is the native one, and a digest cannot be opened to anything
//! else.

use std::collections::BTreeSet;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::Field;
use lemma_circuits::builder::{Site, Values};
use lemma_circuits::check::{ViolationKind, violations};
use lemma_circuits::commitment::{Salt, digest, domain, sponge};
use lemma_circuits::field::from_integer;
use lemma_circuits::poseidon2::{SBOXES, fifth_power, permute_with};
use lemma_circuits::relation::{Assignment, Relation};
use lemma_circuits::{CompileError, Compiled, Inference, Plan};
use lemma_graph::{ExecuteError, Graph, Interval, Op, Port, Visibility};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::Case;

const BITS: i32 = 5;

/// An input of `len` integers, committed to, and their negatives, committed to or not.
fn negation(range: Interval, len: usize, output: Visibility) -> Result<Compiled, CompileError> {
    let mut graph = Graph::default();
    let x = graph.push("in", Op::Input { range }, &[], &[len], BITS).unwrap();
    let y = graph.push("negation", Op::Sum([-1].into()), &[x], &[len], BITS).unwrap();
    graph.inputs.push(Port { name: "x".into(), node: x, visibility: Visibility::Committed });
    graph.outputs.push(Port { name: "y".into(), node: y, visibility: output });
    Compiled::with_plan(graph, Plan { widths: vec![6] })
}

/// One s-box, the last, has another output, which is the digest's: without the row that refuses it
/// the digest is free.
pub fn cases() -> Vec<Case> {
    let last = SBOXES * 2 - 1;
    let compiled = negation(RANGE, X.len(), Visibility::Private).unwrap();
    let y = X.map(|x| -x);
    let mut case = Case::new("commitment", compiled.graph().clone(), &[&X], &y);
    for (what, wire, refused_by, output) in [
        ("another output of an s-box", "commitment.fifth", "commitment.fifth", SBOX_WIRES[0].1),
        (
            "another square, and what follows from it",
            "commitment.square",
            "commitment.square",
            SBOX_WIRES[1].1,
        ),
        (
            "another fourth power, and what follows from it",
            "commitment.fourth",
            "commitment.fourth",
            SBOX_WIRES[2].1,
        ),
    ] {
        let outputs =
            outputs(&X, |i, k, x| if 2 * i + k == last { output(x) } else { fifth_power(x) }).0;
        case = case.forged(what, &[refused_by], |f| {
            let f = f.wire("commitment.fifth", move |v| v.clone_from(&outputs));
            if wire == "commitment.fifth" {
                f
            } else {
                f.wire(wire, move |v| v[last] += from_integer(1))
            }
        });
    }
    // The word is the same; the range of the elements alone tells them apart.
    let mut carried = X;
    carried[0] += 1 << 32;
    carried[1] -= 1;
    vec![case.forged("a carry between two integers of a word", &["lookup.sum"], |f| {
        f.inputs(&[&carried])
    })]
}

/// The wires of an s-box, each with an s-box that has another value there and follows it to the
/// end: x5 alone; x2 with x4 and x5 to match; x4 with x5 to match.
const SBOX_WIRES: [(&str, Sbox); 3] = [
    ("fifth", |x| fifth_power(x) + from_integer(1)),
    ("square", |x| (x.square() + from_integer(1)).square() * x),
    ("fourth", |x| (x.square().square() + from_integer(1)) * x),
];

fn salts(rng: &mut StdRng, count: usize) -> Vec<Salt> {
    (0..count).map(|_| Salt::new(rng.r#gen())).collect()
}

#[test]
fn the_circuits_digest_is_the_native_one() {
    let edge = (1i64 << 31) - 1;
    for (seed, len) in (0..).zip((1..=30).chain([97, 98, 99, 400])) {
        let mut rng = StdRng::seed_from_u64(seed);
        let compiled =
            negation(Interval { low: -edge, high: edge }, len, Visibility::Committed).unwrap();
        let x: Vec<i64> = (0..len)
            .map(|i| [edge, -edge, 0, rng.gen_range(-edge..=edge)][(i + rng.gen_range(0..3)) % 4])
            .collect();
        let y: Vec<i64> = x.iter().map(|x| -x).collect();
        let salts = salts(&mut rng, 2);
        let inference = compiled.infer_salted(std::slice::from_ref(&x), &salts).unwrap();
        let expected = [digest(&x, BITS, &salts[0]).unwrap(), digest(&y, BITS, &salts[1]).unwrap()];
        assert_eq!(inference.public_values(), expected, "seed {seed}");
        assert_eq!(violations(&compiled, inference), [], "seed {seed}");
        let cost = compiled.count().layers()["commitment to x"];
        let permutations = (1 + len.div_ceil(7)).div_ceil(2);
        assert_eq!(
            (cost.constraints, cost.round1, cost.round2),
            (240 * permutations, 4, 240 * permutations)
        );
        assert_eq!(compiled.circuit().layout().public_values, 2);
    }
}

/// Any integer is an input of the forged traces below, so the interpreter is not asked.
fn forged(
    compiled: &Compiled,
    input: &[i64],
    mut forge: impl FnMut(&str, &Values) -> Option<Vec<Fr>> + Send + 'static,
) -> Inference {
    let forger = Box::new(move |site: &Site, values: &Values| {
        (site.gadget == "commitment")
            .then(|| forge(site.name, values))
            .flatten()
            .map(|forged| Values::Field(Arc::new(forged)))
    });
    compiled.infer_forged(&[input.to_vec()], forger)
}

fn caught(compiled: &Compiled, inference: Inference) -> BTreeSet<(String, usize)> {
    let found = violations(compiled, inference);
    assert!(found.iter().all(|v| v.kind == ViolationKind::Unsatisfied), "{found:?}");
    found.iter().map(|v| (format!("{}.{}", v.site.gadget, v.site.name), v.element)).collect()
}

fn names(caught: &BTreeSet<(String, usize)>) -> BTreeSet<&str> {
    caught.iter().map(|(name, _)| name.as_str()).collect()
}

const RANGE: Interval = Interval { low: -1000, high: 1000 };
const X: [i64; 9] = [1, -20, 300, 4, 5, -600, 7, 8, 9];

/// The digest of `X` under the salt zero, kept by the wires of its own s-boxes, for another input
/// or salt. Only the equations of the s-boxes that see the difference first refuse it.
#[test]
fn a_digest_is_not_opened_to_anything_else() {
    let compiled = negation(RANGE, X.len(), Visibility::Private).unwrap();
    let zero = Salt::new([0; 31]);
    let committed = digest(&X, BITS, &zero).unwrap();
    let keep = |input: &[i64], salt: i64| {
        let outputs = honest_outputs(&X);
        forged(&compiled, input, move |name, values| match name {
            "salt" => Some(
                values
                    .to_field()
                    .iter()
                    .enumerate()
                    .map(|(i, v)| if i == 0 { from_integer(salt) } else { *v })
                    .collect(),
            ),
            "fifth" => Some(outputs.clone()),
            _ => None,
        })
    };
    let honest = keep(&X, 0);
    assert_eq!(honest.public_values(), [committed]);
    assert!(caught(&compiled, honest).is_empty());
    let altered = |change: fn(&mut [i64])| {
        let mut x = X;
        change(&mut x);
        x
    };
    let others = [
        (altered(|x| x[0] += 1), 0),
        (altered(|x| x[8] -= 1), 0),
        (altered(|x| x.swap(2, 3)), 0),
        (altered(|x| x.swap(0, 7)), 0),
        (X, 1),
    ];
    for (input, salt) in others {
        let inference = keep(&input, salt);
        assert_eq!(inference.public_values(), [committed]);
        assert_eq!(
            names(&caught(&compiled, inference)),
            BTreeSet::from(["commitment.fifth"]),
            "{input:?}"
        );
        // With the wires that belong to it, all constraints hold, and the digest is another.
        let followed = forged(&compiled, &input, move |name, values| {
            (name == "salt").then(|| {
                values
                    .to_field()
                    .iter()
                    .enumerate()
                    .map(|(i, v)| if i == 0 { from_integer(salt) } else { *v })
                    .collect()
            })
        });
        assert_ne!(followed.public_values(), [committed]);
        assert!(caught(&compiled, followed).is_empty());
    }
}

/// Inputs of the two permutations for nine integers and the salt zero.
fn blocks(x: &[i64]) -> Vec<[Fr; 2]> {
    let word = |x: &[i64]| {
        let digit = |j: usize| from_integer(x.get(j).copied().unwrap_or(0) + (1 << 31));
        (0..7).rev().fold(from_integer(0), |sum, j| sum * from_integer(1 << 32) + digit(j))
    };
    let words: Vec<Fr> = x.chunks(7).map(word).collect();
    vec![[from_integer(0), words[0]], [words[1], from_integer(0)]]
}

/// S-box outputs in the gadget's order, with `sbox(i, k, x)` as s-box `i` of permutation `k`; and
/// the digest.
fn outputs(x: &[i64], mut sbox: impl FnMut(usize, usize, Fr) -> Fr) -> (Vec<Fr>, Fr) {
    let blocks = blocks(x);
    let mut all = vec![from_integer(0); SBOXES * blocks.len()];
    let (count, mut k) = (blocks.len(), 0);
    let digest = sponge(domain(x.len(), BITS), blocks.into_iter(), |state| {
        let state = permute_with(state, |i, x| {
            all[i * count + k] = sbox(i, k, x);
            all[i * count + k]
        });
        k += 1;
        state
    });
    (all, digest)
}

/// An s-box, honest or not.
type Sbox = fn(Fr) -> Fr;

fn honest_outputs(x: &[i64]) -> Vec<Fr> {
    outputs(x, |_, _, x| fifth_power(x)).0
}

/// One s-box is given another output and all later ones follow honestly: one row of one constraint
/// refuses it. Without that row the digest is free.
#[test]
fn every_constraint_of_every_sbox_is_needed() {
    let compiled = negation(RANGE, X.len(), Visibility::Private).unwrap();
    let committed = digest(&X, BITS, &Salt::new([0; 31])).unwrap();
    for element in 0..SBOXES * 2 {
        let (i, k) = (element / 2, element % 2);
        let with = |output: Sbox| {
            outputs(&X, move |a, b, x| if (a, b) == (i, k) { output(x) } else { fifth_power(x) })
        };
        let bump = move |values: &Values| {
            let mut forged = values.to_field();
            forged[element] += from_integer(1);
            forged
        };
        for (wire, output) in SBOX_WIRES {
            let (all, digest) = with(output);
            let inference = forged(&compiled, &X, move |name, values| match name {
                "fifth" => Some(all.clone()),
                name if name == wire => Some(bump(values)),
                _ => None,
            });
            assert_eq!(inference.public_values(), [digest]);
            assert_ne!(digest, committed);
            assert_eq!(
                caught(&compiled, inference),
                BTreeSet::from([(format!("commitment.{wire}"), element)])
            );
        }
    }
}

/// A carry between two integers of a word leaves the word, and so the digest, as it is. Only the
/// range of the input refuses it.
#[test]
fn ranges_keep_the_packing_injective() {
    let compiled = negation(RANGE, X.len(), Visibility::Private).unwrap();
    let committed = digest(&X, BITS, &Salt::new([0; 31])).unwrap();
    let mut carried = X;
    carried[0] += 1 << 32;
    carried[1] -= 1;
    let inference = forged(&compiled, &carried, |_, _| None);
    assert_eq!(inference.public_values(), [committed]);
    assert_eq!(names(&caught(&compiled, inference)), BTreeSet::from(["lookup.sum"]));
    for outside in [1001, -1001] {
        let mut x = X;
        x[4] = outside;
        assert_eq!(
            names(&caught(&compiled, forged(&compiled, &x, |_, _| None))),
            BTreeSet::from(["lookup.sum"])
        );
        assert!(compiled.infer_salted(&[x.to_vec()], &[Salt::new([0; 31])]).is_err());
    }
}

#[test]
fn salts_are_round_one_wires_and_must_be_given() {
    let private = {
        let mut graph = negation(RANGE, 3, Visibility::Private).unwrap().graph().clone();
        graph.inputs[0].visibility = Visibility::Private;
        Compiled::with_plan(graph, Plan { widths: vec![6] }).unwrap()
    };
    let committed = negation(RANGE, 3, Visibility::Committed).unwrap();
    // A salt of round 2 could be chosen after the challenge, and the digest with it.
    assert_eq!(committed.circuit().layout().round1, private.circuit().layout().round1 + 8);
    for given in [0, 1, 3] {
        let mut rng = StdRng::seed_from_u64(given);
        let refused =
            committed.infer_salted(&[vec![1, 2, 3]], &salts(&mut rng, given as usize)).err();
        assert_eq!(refused, Some(ExecuteError::SaltCount { expected: 2, found: given as usize }));
    }
    assert!(committed.infer(&[vec![1, 2, 3]]).is_err());
    assert_ne!(committed.digest(), private.digest());
}

#[test]
fn a_tensor_wider_than_a_packed_integer_is_refused() {
    let edge = 1i64 << 31;
    assert!(negation(Interval { low: -edge, high: edge - 1 }, 2, Visibility::Private).is_ok());
    for range in [Interval { low: -edge - 1, high: 0 }, Interval { low: 0, high: edge }] {
        let refused = negation(range, 2, Visibility::Private).unwrap_err();
        assert!(
            matches!(&refused, CompileError::Commitment { name, .. } if name == "x"),
            "{refused}"
        );
    }
    // The negative of the least integer does not fit.
    assert!(negation(Interval { low: -edge, high: edge - 1 }, 2, Visibility::Committed).is_err());
}
