//! Proofs of the prover, with a key of the setup, in the contract.
//!
//! The relation: n private numbers x_i, their squares y_i public, and the fold of the squares.
//!
//! ```text
//! x_i * x_i = y_i
//! (f_(i+1) + y_i) * chi = f_i        f_1 = phi, f_(n+1) = 0
//! ```

mod support;

use ark_bn254::Fr;
use ark_ff::Zero;
use lemma_circuits::relation::{Assignment, Columns, Layout, PUBLIC_WIRES, Relation, Round2};
use lemma_contracts::evm::{Fork, run};
use lemma_contracts::{Call, Revert, calldata};
use lemma_prover::setup::KeyInfo;
use lemma_prover::{prove, setup};
use lemma_verifier::{Context, Digest, PublicValues, Role};
use support::tensor;

const CHI: usize = 1;
const PHI: usize = 2;

struct Squares(usize);

impl Squares {
    fn x(&self, i: usize) -> usize {
        PUBLIC_WIRES + i
    }

    fn y(&self, i: usize) -> usize {
        PUBLIC_WIRES + self.0 + i
    }

    /// The wire of f_i; the last one, which is zero, has none.
    fn f(&self, i: usize) -> Option<usize> {
        match i {
            0 => Some(PHI),
            _ => (i < self.0).then_some(PUBLIC_WIRES + 2 * self.0 + i - 1),
        }
    }
}

impl Relation for Squares {
    fn layout(&self) -> Layout {
        Layout {
            constraints: 2 * self.0,
            round1: 2 * self.0,
            round2: self.0 - 1,
            public_values: self.0,
        }
    }

    fn columns(&self, rows: &[Fr]) -> Columns {
        let zeros = vec![Fr::zero(); self.layout().wires()];
        let mut columns = Columns { a: zeros.clone(), b: zeros.clone(), c: zeros };
        for i in 0..self.0 {
            columns.a[self.x(i)] += rows[i];
            columns.b[self.x(i)] += rows[i];
            columns.c[self.y(i)] += rows[i];
            let row = rows[self.0 + i];
            columns.a[self.y(i)] += row;
            columns.b[CHI] += row;
            for (wire, column) in [(self.f(i + 1), &mut columns.a), (self.f(i), &mut columns.c)] {
                if let Some(wire) = wire {
                    column[wire] += row;
                }
            }
        }
        columns
    }
}

struct Numbers {
    round1: Vec<i64>,
    squares: Vec<Fr>,
}

impl Numbers {
    fn new(numbers: &[i64]) -> Numbers {
        let squares: Vec<i64> = numbers.iter().map(|x| x * x).collect();
        Numbers {
            round1: [numbers, &squares].concat(),
            squares: squares.iter().map(|y| Fr::from(*y)).collect(),
        }
    }
}

impl Assignment for Numbers {
    fn public_values(&self) -> &[Fr] {
        &self.squares
    }

    fn round1(&self) -> &[i64] {
        &self.round1
    }

    fn round2(&mut self, chi: Fr) -> Round2 {
        let count = self.squares.len();
        let mut folds = vec![Fr::zero(); count + 1];
        for i in (0..count).rev() {
            folds[i] = (folds[i + 1] + self.squares[i]) * chi;
        }
        let numbers: Vec<Fr> = self.round1[..count].iter().map(|x| Fr::from(*x)).collect();
        let sums: Vec<Fr> = (0..count).map(|i| folds[i + 1] + self.squares[i]).collect();
        Round2 {
            phi: folds[0],
            wires: folds[1..count].to_vec(),
            a: [&numbers[..], &sums].concat(),
            b: [&numbers[..], &vec![chi; count]].concat(),
            c: [&self.squares[..], &folds[..count]].concat(),
        }
    }
}

#[test]
fn the_contract_accepts_what_the_prover_proves_and_nothing_beside_it() {
    let numbers = [3, -7, 0, 11, 250, -1, 2, 9, 100, 64];
    let info = KeyInfo {
        model: "squares".to_string(),
        graph_digest: Digest([5; 32]),
        signature: vec![tensor("squares", Role::Output, &[numbers.len()], 0, 1 << 20)],
        private_inputs: Vec::new(),
    };
    let (proving, key) = setup(&Squares(numbers.len()), info, &()).expect("a small relation");
    let context = Context::of(b"once");
    let proven =
        prove(&proving, &mut Numbers::new(&numbers), context, &()).expect("the squares are right");
    let key = &key;

    let receipt = run(key, &proven.values, context, &proven.proof, Fork::Osaka).expect("it runs");
    assert!(receipt.succeeded(), "{:?}", receipt.outcome);
    assert!(receipt.gas_used <= 265_000, "{} gas", receipt.gas_used);
    println!("ten squares: {} gas", receipt.gas_used);
    let call =
        Call::decode(&calldata(&proven.proof, &proven.values, context)).expect("its own encoding");
    assert!(key.verify(&call.values, call.context, &call.proof).is_ok());

    let refused = |values: &PublicValues, context| {
        run(key, values, context, &proven.proof, Fork::Osaka).expect("it runs").revert()
    };
    assert_eq!(refused(&proven.values, Context::NONE), Some(Revert::PairingFailed));
    let mut other: Vec<i64> = numbers.iter().map(|x| x * x).collect();
    other[0] = 10;
    assert_eq!(refused(&PublicValues::from_integers(other), context), Some(Revert::PairingFailed));
}
