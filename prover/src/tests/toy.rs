//! A relation small enough to write down, with the two-round structure of the real ones.
//!
//! Round 1: `x_i`, `y_i = x_i^2`, multiplicities `m_j`. Round 2: the inverses of a LogUp argument
//! that every `x_i` is in `0..table`, and the Horner steps of the fold of the public `y_1..y_p`.
//! Rows, in this order:
//!
//! ```text
//! x_i * x_i = y_i                                  one per x
//! inv_i * (chi - x_i) = 1                          one per x, with a table
//! s_j * (chi - j) = m_j                            one per table row
//! 1 * (sum inv_i - sum s_j) = 0                    one, with a table
//! (f_(k+1) + y_k) * chi = f_k                      one per public value, f_1 = phi
//! ```

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use lemma_circuits::relation::{Assignment, Columns, Layout, PUBLIC_WIRES, Relation, Round2};
use lemma_verifier::challenge::fold;
use lemma_verifier::{Digest, Labels, Role, TensorSignature};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::key::ProvingKey;
use crate::setup::{KeyInfo, setup_with};

const ONE: usize = 0;
const CHI: usize = 1;
const PHI: usize = 2;

/// A linear form: wires and coefficients.
type Form = Vec<(usize, Fr)>;

pub fn rng(seed: u64) -> ChaCha20Rng {
    println!("seed {seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

/// The relation.
#[derive(Clone)]
pub struct Toy {
    pub squares: usize,
    pub table: usize,
    pub publics: usize,
    /// A, B and C of each row.
    pub rows: Vec<[Form; 3]>,
}

impl Toy {
    pub fn new(squares: usize, table: usize, publics: usize) -> Toy {
        assert!(publics <= squares);
        let mut toy = Toy { squares, table, publics, rows: Vec::new() };
        let (one, minus) = (Fr::one(), -Fr::one());
        for i in 0..squares {
            toy.rows.push([vec![(toy.x(i), one)], vec![(toy.x(i), one)], vec![(toy.y(i), one)]]);
        }
        if table > 0 {
            for i in 0..squares {
                let pole = vec![(CHI, one), (toy.x(i), minus)];
                toy.rows.push([vec![(toy.inverse(i), one)], pole, vec![(ONE, one)]]);
            }
            for j in 0..table {
                let pole = vec![(CHI, one), (ONE, -Fr::from(j as u64))];
                toy.rows.push([vec![(toy.share(j), one)], pole, vec![(toy.multiplicity(j), one)]]);
            }
            let inverses = (0..squares).map(|i| (toy.inverse(i), one));
            let sum = inverses.chain((0..table).map(|j| (toy.share(j), minus))).collect();
            toy.rows.push([vec![(ONE, one)], sum, vec![]]);
        }
        for k in 0..publics {
            let mut left = vec![(toy.y(k), one)];
            if k + 1 < publics {
                left.push((toy.step(k + 1), one));
            }
            toy.rows.push([left, vec![(CHI, one)], vec![(toy.step(k), one)]]);
        }
        toy
    }

    fn x(&self, i: usize) -> usize {
        PUBLIC_WIRES + i
    }

    fn y(&self, i: usize) -> usize {
        PUBLIC_WIRES + self.squares + i
    }

    fn multiplicity(&self, j: usize) -> usize {
        PUBLIC_WIRES + 2 * self.squares + j
    }

    fn inverse(&self, i: usize) -> usize {
        PUBLIC_WIRES + 2 * self.squares + self.table + i
    }

    fn share(&self, j: usize) -> usize {
        self.inverse(self.squares) + j
    }

    fn step(&self, k: usize) -> usize {
        if k == 0 {
            return PHI;
        }
        let lookups = if self.table > 0 { self.squares + self.table } else { 0 };
        PUBLIC_WIRES + 2 * self.squares + self.table + lookups + k - 1
    }

    /// The row of the equality of the two LogUp sums.
    pub fn sum_row(&self) -> usize {
        2 * self.squares + self.table
    }

    pub fn info(&self) -> KeyInfo {
        KeyInfo {
            model: "toy".to_string(),
            graph_digest: Digest([3; 32]),
            signature: vec![TensorSignature {
                name: "squares".to_string(),
                role: Role::Output,
                shape: vec![self.publics],
                fractional_bits: 0,
                low: 0,
                high: 1 << 40,
                labels: Labels::None,
            }],
            private_inputs: Vec::new(),
        }
    }

    pub fn circuit_digest(&self) -> Digest {
        let info = self.info();
        lemma_verifier::key::circuit_digest(
            info.graph_digest,
            &info.signature,
            &info.private_inputs,
        )
    }

    pub fn keys(&self, rng: &mut ChaCha20Rng) -> ProvingKey {
        setup_with(self, self.info(), rng, &()).expect("a good relation").0
    }

    pub fn random(&self, rng: &mut ChaCha20Rng) -> Filled {
        let bound = if self.table > 0 { self.table as i64 } else { 1 << 20 };
        self.fill((0..self.squares).map(|_| rng.gen_range(0..bound)).collect())
    }

    /// The honest assignment, also of an `x` that is not in the table.
    pub fn fill(&self, x: Vec<i64>) -> Filled {
        let mut round1 = x.clone();
        round1.extend(x.iter().map(|x| x * x));
        let count = |j: usize| x.iter().filter(|x| **x == j as i64).count() as i64;
        round1.extend((0..self.table).map(count));
        let public = round1[self.squares..][..self.publics].iter().map(|y| Fr::from(*y)).collect();
        Filled { toy: self.clone(), round1, public, tamper: |_, _| {} }
    }
}

impl Relation for Toy {
    fn layout(&self) -> Layout {
        let lookups = if self.table > 0 { self.squares + self.table } else { 0 };
        Layout {
            constraints: self.rows.len(),
            round1: 2 * self.squares + self.table,
            round2: lookups + self.publics.saturating_sub(1),
            public_values: self.publics,
        }
    }

    fn columns(&self, rows: &[Fr]) -> Columns {
        let mut columns = [(); 3].map(|()| vec![Fr::zero(); self.layout().wires()]);
        for (row, forms) in rows.iter().zip(&self.rows) {
            for (column, form) in columns.iter_mut().zip(forms) {
                for (wire, coefficient) in form {
                    column[*wire] += *coefficient * row;
                }
            }
        }
        let [a, b, c] = columns;
        Columns { a, b, c }
    }
}

/// An assignment; `tamper` changes what round 2 returns.
pub struct Filled {
    pub toy: Toy,
    pub round1: Vec<i64>,
    pub public: Vec<Fr>,
    pub tamper: fn(&Toy, &mut Round2),
}

impl Filled {
    /// All wires for a challenge.
    pub fn wires(&self, chi: Fr) -> Vec<Fr> {
        let toy = &self.toy;
        let mut z = vec![Fr::zero(); toy.layout().wires()];
        z[ONE] = Fr::one();
        z[CHI] = chi;
        for (wire, value) in z[PUBLIC_WIRES..].iter_mut().zip(&self.round1) {
            *wire = Fr::from(*value);
        }
        if toy.table > 0 {
            for i in 0..toy.squares {
                z[toy.inverse(i)] = (chi - z[toy.x(i)]).inverse().expect("chi is no small integer");
            }
            for j in 0..toy.table {
                let pole = chi - Fr::from(j as u64);
                z[toy.share(j)] =
                    z[toy.multiplicity(j)] * pole.inverse().expect("chi is no small integer");
            }
        }
        for k in (0..toy.publics).rev() {
            let next = if k + 1 < toy.publics { z[toy.step(k + 1)] } else { Fr::zero() };
            z[toy.step(k)] = (next + z[toy.y(k)]) * chi;
        }
        z
    }
}

/// A z, B z and C z.
pub fn evaluate(toy: &Toy, z: &[Fr]) -> [Vec<Fr>; 3] {
    [0, 1, 2].map(|side| {
        let value =
            |form: &Form| form.iter().map(|(wire, coefficient)| z[*wire] * coefficient).sum();
        toy.rows.iter().map(|row| value(&row[side])).collect()
    })
}

impl Assignment for Filled {
    fn public_values(&self) -> &[Fr] {
        &self.public
    }

    fn round1(&self) -> &[i64] {
        &self.round1
    }

    fn round2(&mut self, chi: Fr) -> Round2 {
        let z = self.wires(chi);
        let [a, b, c] = evaluate(&self.toy, &z);
        let wires = z[PUBLIC_WIRES + self.round1.len()..].to_vec();
        let mut round2 = Round2 { phi: z[PHI], wires, a, b, c };
        (self.tamper)(&self.toy, &mut round2);
        round2
    }
}

#[test]
fn the_toy_is_satisfied_by_its_honest_assignment_and_folds_as_the_verifier() {
    let mut rng = rng(100);
    for (squares, table, publics) in [(1, 0, 0), (3, 4, 2), (10, 7, 10)] {
        let toy = Toy::new(squares, table, publics);
        let mut filled = toy.random(&mut rng);
        let chi = Fr::from(rng.r#gen::<u64>()).square();
        let round2 = filled.round2(chi);
        assert_eq!(round2.phi, fold(&filled.public, chi));
        for row in 0..toy.rows.len() {
            assert_eq!(round2.a[row] * round2.b[row], round2.c[row], "row {row}");
        }
    }
}
