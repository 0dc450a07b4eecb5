//! Lookups: LogUp (eprint 2022/1530), one argument for all tables.
//!
//! A lookup of `(key, values)` in table `tag` and a row of that table are compressed alike,
//!
//! ```text
//! c(X) = key + tag X + value_0 X^2 + value_1 X^3 + ..,
//! ```
//!
//! and the identity of rational functions in `Y`
//!
//! ```text
//! sum over lookups 1 / (Y - c)  =  sum over rows m / (Y - c)
//! ```
//!
//! holds exactly when every lookup is a row and `m` counts them. `X = chi` and `Y = chi^(2^k)`: the
//! cleared identity has degree at most `d (lookups + rows)` in `X`, where `d` is the degree of `c`,
//! and `2^k` exceeds that, so a wrong one survives with probability at most its degree,
//! `2^(k+1) (lookups + rows)`, over r. Keys, values and `m` are round-1 wires or linear forms of
//! them, fixed before `chi`.
//!
//! Constraints
//! - a lookup: `inverse * (Y - c) = 1`; with a value also `value * X^2 = product`, and `product`
//!   stands in `c`; with several values first their Horner evaluation, one constraint each further
//!   value.
//! - a row: `share * (Y - c) = m`, where `c` is a linear form.
//! - one sum: `(sum of inverses - sum of shares) * 1 = 0`.
//! - `k` squarings for `Y`.
//!
//! Each is needed: without the lookup's constraint its inverse is free and can absorb a wrong row;
//! without the row's, its share; without the sum nothing ties the two sides; without a squaring `Y`
//! is free.
//!
//! The inverses stand on the A side, so that full-width scalars meet no G2 point.

use std::collections::HashMap;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, batch_inversion};
use lemma_graph::{LinearMap, RowTable, Table};

use super::range::{Step, Steps};
use super::{Gadgets, Plan};
use crate::builder::{Builder, Values};
use crate::field::from_integer;

/// A table of the argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    /// The integers below `2^width`, without a value.
    Range(u32),
    /// A function.
    Function(Arc<Table>),
    /// Rows of several values.
    Rows(Arc<RowTable>),
}

/// One vector of lookups.
struct Request<F> {
    layer: Arc<str>,
    key: F,
    value: Option<F>,
}

/// The lookups of a circuit, by table in the order of first use.
pub struct Lookups<F> {
    widths: Vec<u32>,
    steps: Steps,
    ids: HashMap<Source, usize>,
    tables: Vec<(Source, Vec<Request<F>>)>,
    multiplicities: Vec<F>,
}

impl<F> Lookups<F> {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut widths = plan.widths.clone();
        widths.sort_unstable();
        Lookups {
            steps: Steps::new(&widths),
            widths,
            ids: HashMap::new(),
            tables: Vec::new(),
            multiplicities: Vec::new(),
        }
    }

    /// The narrowest range table of at least `bits`.
    pub(super) fn narrowest(&self, bits: u32) -> Option<u32> {
        self.widths.iter().copied().find(|w| *w >= bits)
    }

    pub(super) fn step(&self, bits: u32) -> Step {
        self.steps.first(bits)
    }

    pub(super) fn cost(&self, bits: u32) -> u32 {
        self.steps.lookups(bits)
    }

    fn request(&mut self, source: Source, request: Request<F>) {
        let next = self.tables.len();
        let id = *self.ids.entry(source.clone()).or_insert(next);
        match self.tables.get_mut(id) {
            Some((_, requests)) => requests.push(request),
            None => self.tables.push((source, vec![request])),
        }
    }
}

impl Source {
    fn rows(&self) -> usize {
        match self {
            Source::Range(width) => 1 << width,
            Source::Function(table) => table.values().len(),
            Source::Rows(table) => table.rows(),
        }
    }

    /// Values beside the key.
    fn width(&self) -> usize {
        match self {
            Source::Range(_) => 0,
            Source::Function(_) => 1,
            Source::Rows(table) => table.width(),
        }
    }

    /// Whether `value(j)` is value `j` of a row.
    fn agrees(&self, row: usize, value: impl Fn(usize) -> Fr) -> bool {
        match self {
            Source::Range(_) => true,
            Source::Function(table) => {
                table.values().get(row).is_some_and(|v| value(0) == from_integer(*v))
            }
            Source::Rows(table) => {
                let row = table.row(row as i64).unwrap_or(&[]);
                row.iter().enumerate().all(|(j, v)| value(j) == from_integer((*v).into()))
            }
        }
    }

    fn first_key(&self) -> i64 {
        match self {
            Source::Range(_) | Source::Rows(_) => 0,
            Source::Function(table) => table.first_key(),
        }
    }

    fn row_of(&self, key: i64) -> Option<usize> {
        usize::try_from(key.checked_sub(self.first_key())?).ok().filter(|row| *row < self.rows())
    }
}

impl<B: Builder> Gadgets<B> {
    /// Every element of `x` is a row of the range table of `width` bits.
    #[track_caller]
    pub(super) fn lookup_range(&mut self, x: &B::Form, width: u32) {
        if !self.builder.keeps() {
            return;
        }
        let request = Request { layer: self.layer.clone(), key: x.clone(), value: None };
        self.lookups.request(Source::Range(width), request);
    }

    /// Every pair of elements is a row of `table`.
    #[track_caller]
    pub(super) fn lookup_function(&mut self, table: &Arc<Table>, key: &B::Form, value: &B::Form) {
        if !self.builder.keeps() {
            return;
        }
        let request =
            Request { layer: self.layer.clone(), key: key.clone(), value: Some(value.clone()) };
        self.lookups.request(Source::Function(table.clone()), request);
    }

    /// Every id with its row of values is a row of `table`.
    #[track_caller]
    pub(super) fn lookup_rows(&mut self, table: &Arc<RowTable>, ids: &B::Form, values: &B::Form) {
        if !self.builder.keeps() {
            return;
        }
        let request =
            Request { layer: self.layer.clone(), key: ids.clone(), value: Some(values.clone()) };
        self.lookups.request(Source::Rows(table.clone()), request);
    }

    /// Ends round 1: counts how often each row is looked up.
    pub fn count_lookups(&mut self) {
        self.layer = "lookup tables".into();
        self.enter("lookup");
        for (source, requests) in &self.lookups.tables {
            let keys: Vec<&B::Form> = requests.iter().map(|r| &r.key).collect();
            let count = |keys: &[&[i64]]| {
                let mut counts = vec![0i64; source.rows()];
                keys.iter()
                    .copied()
                    .flatten()
                    .filter_map(|key| source.row_of(*key))
                    .for_each(|row| counts[row] += 1);
                counts
            };
            let m = self.builder.witness("multiplicity", source.rows(), &keys, count);
            self.lookups.multiplicities.push(m);
        }
    }

    /// The argument itself, in round 2.
    pub fn prove_lookups(&mut self) {
        let tables = std::mem::take(&mut self.lookups.tables);
        let multiplicities = std::mem::take(&mut self.lookups.multiplicities);
        if tables.is_empty() {
            return;
        }
        self.layer = "lookup tables".into();
        self.enter("lookup");
        let rows: usize = tables.iter().map(|(source, _)| source.rows()).sum();
        let lookups: usize = tables
            .iter()
            .flat_map(|(_, requests)| requests)
            .map(|r| self.builder.len(&r.key))
            .sum();
        let width = tables.iter().map(|(source, _)| source.width()).max().unwrap_or(0);
        let poles = self.poles(squarings(lookups + rows, width));
        let mut sides: Vec<(i64, B::Form)> = Vec::new();
        for (tag, ((source, requests), m)) in tables.iter().zip(&multiplicities).enumerate() {
            self.layer = "lookup tables".into();
            self.enter("lookup");
            let mut inverses = Vec::new();
            let shares = self.rows(source, tag as i64, m, &poles, &mut inverses);
            sides.push((-1, self.builder.total(&shares)));
            for request in requests {
                self.layer = request.layer.clone();
                self.enter("lookup");
                let inverse = self.lookup(source, tag as i64, request, &poles, &inverses);
                sides.push((1, self.builder.total(&inverse)));
            }
        }
        self.layer = "lookup tables".into();
        self.enter("lookup");
        let terms: Vec<(i64, &B::Form)> = sides.iter().map(|(sign, side)| (*sign, side)).collect();
        let sum = self.builder.combine(&terms, 0);
        let one = self.ones(1);
        self.builder.enforce("sum", &sum, &one, None);
    }

    fn rows(
        &mut self,
        source: &Source,
        tag: i64,
        m: &B::Form,
        poles: &Poles<B::Form>,
        inverses: &mut Vec<Fr>,
    ) -> B::Form {
        let n = source.rows();
        let first = source.first_key();
        let keys = self.builder.constant(n, || (first..first + n as i64).collect());
        let pole = self.builder.repeat(&poles.y, n);
        let x = self.builder.repeat(&poles.x, n);
        let mut terms = vec![(1, &pole), (-1, &keys), (-tag, &x)];
        let values = match source {
            Source::Range(_) => None,
            Source::Function(table) => {
                let square = self.builder.repeat(&poles.x_squared, n);
                Some(
                    self.builder
                        .linear(&Arc::new(LinearMap::Diagonal(table.values().into())), &square),
                )
            }
            Source::Rows(table) => {
                let powers = self.powers("row power", &poles.x, table.width());
                let map = LinearMap::Dense {
                    weight: table.values().clone(),
                    outputs: n,
                    inputs: table.width(),
                };
                Some(self.builder.linear(&Arc::new(map), &powers))
            }
        };
        if let Some(values) = &values {
            terms.push((-1, values));
        }
        let denominator = self.builder.combine(&terms, 0);
        let share = |v: &[&Values]| {
            *inverses = v[0].to_field();
            batch_inversion(inverses);
            inverses.iter().enumerate().map(|(i, inverse)| times_small(inverse, v[1], i)).collect()
        };
        let shares = self.builder.late_witness("share", n, &[&denominator, m], share);
        self.builder.enforce("row", &shares, &denominator, Some(m));
        self.builder.note_lookups(0, n);
        shares
    }

    fn lookup(
        &mut self,
        source: &Source,
        tag: i64,
        request: &Request<B::Form>,
        poles: &Poles<B::Form>,
        inverses: &[Fr],
    ) -> B::Form {
        let n = self.builder.len(&request.key);
        let pole = self.builder.repeat(&poles.y, n);
        let x = self.builder.repeat(&poles.x, n);
        let mut terms = vec![(1, &pole), (-1, &request.key)];
        if tag != 0 {
            terms.push((-tag, &x));
        }
        let product = request
            .value
            .as_ref()
            .map(|value| self.compressed_values(value, source.width(), poles));
        if let Some(product) = &product {
            terms.push((-1, product));
        }
        let denominator = self.builder.combine(&terms, 0);
        let mut of = vec![&denominator, &request.key];
        of.extend(&request.value);
        let invert = |v: &[&Values]| invert_lookups(source, v, inverses);
        let inverse = self.builder.late_witness("inverse", n, &of, invert);
        let ones = self.ones(n);
        self.builder.enforce("inverse", &inverse, &denominator, Some(&ones));
        self.builder.note_lookups(n, 0);
        inverse
    }

    /// `value_0 X^2 + value_1 X^3 + ..` for each lookup of `width` values.
    fn compressed_values(
        &mut self,
        values: &B::Form,
        width: usize,
        poles: &Poles<B::Form>,
    ) -> B::Form {
        let n = self.builder.len(values) / width;
        let polynomial = if width == 1 {
            values.clone()
        } else {
            let steps = self.pick(values, (0..n * width).map(|i| i % n * width + i / n));
            self.horner("row values", &steps, n, &poles.x)
        };
        let square = self.builder.repeat(&poles.x_squared, n);
        let multiply = |v: &[&Values]| {
            let square = v[1].field(0);
            (0..v[0].len()).map(|i| times_small(&square, v[0], i)).collect()
        };
        let product = self.builder.late_witness("product", n, &[&polynomial, &square], multiply);
        self.builder.enforce("product", &polynomial, &square, Some(&product));
        product
    }

    /// `X = chi`, `X^2` and `Y = chi^(2^k)` by `k` squarings.
    fn poles(&mut self, k: u32) -> Poles<B::Form> {
        let x = self.builder.chi();
        let squares = self.squares("power", &x, k);
        let x_squared = self.pick(&squares, std::iter::once(0));
        let y = self.pick(&squares, std::iter::once(k as usize - 1));
        Poles { x, x_squared, y }
    }
}

struct Poles<F> {
    x: F,
    x_squared: F,
    y: F,
}

/// `k` with `2^k` above the degree in `X` of the cleared identity over `n` lookups and rows
/// together, of at most `width` values.
pub fn squarings(n: usize, width: usize) -> u32 {
    ((width as u64 + 1) * n as u64 + 2).next_power_of_two().trailing_zeros()
}

/// Degree in `chi` of the cleared identity over `n` lookups and rows of at most `width` values.
pub fn degree(n: usize, width: usize) -> f64 {
    f64::from(squarings(n, width) + 1).exp2() * n as f64
}

/// Inverses of the denominators `v[0]`: taken from the table's rows for honest lookups, computed
/// for the others.
fn invert_lookups(source: &Source, v: &[&Values], inverses: &[Fr]) -> Vec<Fr> {
    let honest = |i: usize, key: i64| {
        let row = source.row_of(key)?;
        let width = source.width();
        let agrees =
            v.get(2).is_none_or(|values| source.agrees(row, |j| values.field(i * width + j)));
        agrees.then(|| inverses.get(row).copied()).flatten()
    };
    match v[1] {
        Values::Integer(keys) => {
            let element = |(i, key): (usize, &i64)| {
                honest(i, *key).unwrap_or_else(|| v[0].field(i).inverse().unwrap_or(Fr::ZERO))
            };
            keys.iter().enumerate().map(element).collect()
        }
        Values::Field(_) => {
            let mut all = v[0].to_field();
            batch_inversion(&mut all);
            all
        }
    }
}

/// `x * n[i]`, for mostly small `n[i]`.
fn times_small(x: &Fr, n: &Values, i: usize) -> Fr {
    match n {
        Values::Integer(n) => match n.get(i).copied().unwrap_or(0) {
            0 => Fr::ZERO,
            1 => *x,
            n => *x * from_integer(n),
        },
        Values::Field(n) => *x * n.get(i).copied().unwrap_or_default(),
    }
}
