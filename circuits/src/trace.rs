//! The trace builder: values of the wires and of `A z`, `B z`, `C z`, straight from integers. No
//! linear forms are built.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use lemma_graph::{IntegerSum, LinearMap, ZERO};
use rayon::prelude::*;

use crate::builder::{Builder, Site, Values};
use crate::field::{FieldSum, from_integer, to_integer};
use crate::shape::inverse_power;

/// Replaces the values of a wire vector where they are assigned; what follows is computed from the
/// replacement. `None` keeps the honest values.
pub type Forge<'f> = Box<dyn FnMut(&Site, &Values) -> Option<Values> + Send + 'f>;

/// Wire values and rows of one inference.
pub struct Trace<'f> {
    round1: Vec<i64>,
    /// Round-1 wires that a forgery made no small integers; never filled by honest values.
    wild: Vec<(usize, Fr)>,
    round2: Vec<Fr>,
    a: Vec<Fr>,
    b: Vec<Fr>,
    c: Vec<Fr>,
    chi: Fr,
    phi: Fr,
    layer: Arc<str>,
    gadget: &'static str,
    forge: Option<Forge<'f>>,
}

impl Default for Trace<'_> {
    fn default() -> Self {
        Trace {
            round1: Vec::new(),
            wild: Vec::new(),
            round2: Vec::new(),
            a: Vec::new(),
            b: Vec::new(),
            c: Vec::new(),
            chi: Fr::ZERO,
            phi: Fr::ZERO,
            layer: "".into(),
            gadget: "",
            forge: None,
        }
    }
}

impl<'f> Trace<'f> {
    /// A trace whose wires pass through `forge`: for tests that play the dishonest prover.
    pub fn forged(forge: Forge<'f>) -> Trace<'f> {
        Trace { forge: Some(forge), ..Trace::default() }
    }

    /// Values of the round-1 wires.
    pub fn round1(&self) -> &[i64] {
        &self.round1
    }

    /// Starts the second round.
    pub fn set_challenge(&mut self, chi: Fr, phi: Fr) {
        self.chi = chi;
        self.phi = phi;
    }

    /// All wires in protocol order.
    pub fn wires(&self) -> Vec<Fr> {
        let mut wires = vec![Fr::from(1), self.chi, self.phi];
        wires.extend(self.round1.iter().map(|v| from_integer(*v)));
        for (i, value) in &self.wild {
            wires[crate::relation::PUBLIC_WIRES + i] = *value;
        }
        wires.extend_from_slice(&self.round2);
        wires
    }

    /// Takes round 2 and the rows out of a finished trace.
    pub fn take_rows(&mut self) -> TracedRows {
        TracedRows {
            round2: std::mem::take(&mut self.round2),
            a: std::mem::take(&mut self.a),
            b: std::mem::take(&mut self.b),
            c: std::mem::take(&mut self.c),
        }
    }

    /// `A z`, `B z` and `C z` of the rows so far.
    pub fn rows(&self) -> (&[Fr], &[Fr], &[Fr]) {
        (&self.a, &self.b, &self.c)
    }

    fn site(&self, name: &'static str) -> Site {
        Site { layer: self.layer.clone(), gadget: self.gadget, name }
    }

    fn forge(&mut self, name: &'static str, honest: Values) -> Values {
        let site = self.site(name);
        let replaced = self.forge.as_mut().and_then(|forge| forge(&site, &honest));
        replaced.unwrap_or(honest)
    }
}

/// What [`Trace::take_rows`] gives.
pub struct TracedRows {
    /// Round-2 wires.
    pub round2: Vec<Fr>,
    /// `A z`.
    pub a: Vec<Fr>,
    /// `B z`.
    pub b: Vec<Fr>,
    /// `C z`.
    pub c: Vec<Fr>,
}

/// Elements handled by one thread at a time.
const CHUNK: usize = 1024;

impl Builder for Trace<'_> {
    type Form = Values;

    fn enter(&mut self, layer: &Arc<str>, gadget: &'static str) {
        self.layer = layer.clone();
        self.gadget = gadget;
    }

    fn len(&self, x: &Values) -> usize {
        x.len()
    }

    fn constant(&mut self, _len: usize, values: impl FnOnce() -> Arc<[i64]>) -> Values {
        integers(values().to_vec())
    }

    fn field_constant(&mut self, _len: usize, values: impl FnOnce() -> Arc<[Fr]>) -> Values {
        fields(values().to_vec())
    }

    fn linear(&mut self, map: &Arc<LinearMap>, x: &Values) -> Values {
        match x {
            Values::Integer(x) => integers(map.apply::<IntegerSum>(x)),
            Values::Field(x) => narrow(map.apply::<FieldSum>(x)),
        }
    }

    fn gather(&mut self, index: &Arc<[u32]>, operands: &[&Values]) -> Values {
        let all_integers: Option<Vec<&[i64]>> = operands
            .iter()
            .map(|x| match x {
                Values::Integer(x) => Some(x.as_slice()),
                Values::Field(_) => None,
            })
            .collect();
        match all_integers {
            Some(parts) => {
                let all = parts.concat();
                integers(
                    index.iter().map(|i| if *i == ZERO { 0 } else { all[*i as usize] }).collect(),
                )
            }
            None => {
                let all: Vec<Fr> = operands.iter().flat_map(|x| x.to_field()).collect();
                fields(
                    index
                        .iter()
                        .map(|i| if *i == ZERO { Fr::ZERO } else { all[*i as usize] })
                        .collect(),
                )
            }
        }
    }

    fn combine(&mut self, terms: &[(i64, &Values)], constant: i64) -> Values {
        let len = terms.first().map_or(0, |(_, x)| x.len());
        let integer_terms: Option<Vec<(i64, &[i64])>> = terms
            .iter()
            .map(|(c, x)| match x {
                Values::Integer(x) => Some((*c, x.as_slice())),
                Values::Field(_) => None,
            })
            .collect();
        match integer_terms {
            Some(terms) => {
                let element = |i: usize| {
                    terms
                        .iter()
                        .fold(constant, |sum, (c, x)| sum.wrapping_add(c.wrapping_mul(x[i])))
                };
                integers((0..len).map(element).collect())
            }
            None => {
                let constant = from_integer(constant);
                let element = |i: usize| {
                    terms.iter().fold(constant, |sum, (c, x)| match (*c, x.field(i)) {
                        (1, value) => sum + value,
                        (-1, value) => sum - value,
                        (c, value) => sum + from_integer(c) * value,
                    })
                };
                fields((0..len).into_par_iter().with_min_len(CHUNK).map(element).collect())
            }
        }
    }

    fn divide(&mut self, x: &Values, shift: u32) -> Values {
        if let Values::Integer(x) = x
            && x.iter().all(|v| v.trailing_zeros() >= shift)
        {
            return integers(x.iter().map(|v| v >> shift).collect());
        }
        let factor = inverse_power(shift);
        narrow((0..x.len()).map(|i| x.field(i) * factor).collect())
    }

    fn repeat(&mut self, x: &Values, len: usize) -> Values {
        let times = len / x.len();
        match x {
            Values::Integer(x) => {
                integers(x.iter().flat_map(|v| std::iter::repeat_n(*v, times)).collect())
            }
            Values::Field(x) => {
                fields(x.iter().flat_map(|v| std::iter::repeat_n(*v, times)).collect())
            }
        }
    }

    fn total(&mut self, x: &Values) -> Values {
        match x {
            Values::Integer(x) => integers(vec![x.iter().fold(0, |sum, v| sum.wrapping_add(*v))]),
            Values::Field(x) => fields(vec![x.par_iter().with_min_len(CHUNK).sum()]),
        }
    }

    fn chi(&mut self) -> Values {
        fields(vec![self.chi])
    }

    fn phi(&mut self) -> Values {
        fields(vec![self.phi])
    }

    fn witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&Values],
        hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> Values {
        let operands: Vec<std::borrow::Cow<'_, [i64]>> = of
            .iter()
            .map(|x| match x {
                Values::Integer(x) => x.as_slice().into(),
                Values::Field(_) => x.to_integers().into(),
            })
            .collect();
        let operands: Vec<&[i64]> = operands.iter().map(|x| x.as_ref()).collect();
        let mut honest = hint(&operands);
        honest.resize(len, 0);
        let value = self.forge(name, integers(honest));
        match &value {
            Values::Integer(x) => self.round1.extend_from_slice(x),
            Values::Field(x) => {
                for v in x.iter() {
                    if to_integer(v).is_none() {
                        self.wild.push((self.round1.len(), *v));
                    }
                    self.round1.push(to_integer(v).unwrap_or(0));
                }
            }
        }
        value
    }

    fn late_witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&Values],
        hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> Values {
        let mut honest = hint(of);
        honest.resize(len, Fr::ZERO);
        let value = self.forge(name, fields(honest));
        self.round2.extend(value.to_field());
        value
    }

    fn enforce(&mut self, _name: &'static str, a: &Values, b: &Values, c: Option<&Values>) {
        extend(&mut self.a, a);
        extend(&mut self.b, b);
        match c {
            Some(c) => extend(&mut self.c, c),
            None => self.c.resize(self.a.len(), Fr::ZERO),
        }
    }

    fn note_lookups(&mut self, _lookups: usize, _rows: usize) {}
}

fn integers(values: Vec<i64>) -> Values {
    Values::Integer(Arc::new(values))
}

fn fields(values: Vec<Fr>) -> Values {
    Values::Field(Arc::new(values))
}

/// Integers again, if all values are; forged values may leave and re-enter the integers.
fn narrow(values: Vec<Fr>) -> Values {
    match values.iter().map(to_integer).collect::<Option<Vec<i64>>>() {
        Some(small) => integers(small),
        None => fields(values),
    }
}

fn extend(rows: &mut Vec<Fr>, values: &Values) {
    match values {
        Values::Integer(x) => {
            rows.par_extend(x.par_iter().with_min_len(CHUNK).map(|v| from_integer(*v)))
        }
        Values::Field(x) => rows.extend_from_slice(x),
    }
}
