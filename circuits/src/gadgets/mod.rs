//! The gadgets, one a file. Each states its relation, its cost, and why its constraints suffice.
//!
//! All are functions of a [`Gadgets`] context, generic over the builder. A gadget assumes that its
//! operands are integers within the bounds that the graph proved (or quotients still to be proven,
//! where it says so), and guarantees the same of its result.

pub mod argmax;
pub mod below_max;
pub mod below_visible_max;
pub mod commit;
pub mod fold;
mod horner;
pub mod lookup;
pub mod matmul;
pub mod max;
pub mod normalize;
pub mod product;
pub mod quotient;
pub mod range;
pub mod reciprocal;
pub mod relu;
pub mod rows;
pub mod rsqrt;
pub mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use lemma_graph::ZERO;

use crate::builder::Builder;
use lookup::Lookups;

/// Widths of the range tables of a circuit, ascending, in bits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// One table of `2^width` rows each.
    pub widths: Vec<u32>,
}

/// What gadgets share: the builder, the pending lookups, the plan.
pub struct Gadgets<B: Builder> {
    /// Receives the relation.
    pub builder: B,
    /// Collects every lookup for the one argument at the end.
    pub lookups: Lookups<B::Form>,
    /// Collects every matrix product that is checked at the end.
    pub(crate) claims: Vec<matmul::Claim<B::Form>>,
    /// Collects every sum of squares that is checked at the end.
    pub(crate) energies: Vec<normalize::Claim<B::Form>>,
    /// How many elements were asked to lie in which range.
    pub(crate) ranges: BTreeMap<range::Wanted, usize>,
    pub(crate) layer: Arc<str>,
}

impl<B: Builder> Gadgets<B> {
    /// An empty context.
    pub fn new(builder: B, plan: &Plan) -> Self {
        Gadgets {
            builder,
            lookups: Lookups::new(plan),
            claims: Vec::new(),
            energies: Vec::new(),
            ranges: BTreeMap::new(),
            layer: "".into(),
        }
    }

    /// Everything that follows belongs to `layer`.
    pub fn enter_layer(&mut self, layer: &Arc<str>) {
        self.layer = layer.clone();
    }

    pub(crate) fn enter(&mut self, gadget: &'static str) {
        self.builder.enter(&self.layer, gadget);
    }

    /// The constant one, `len` times.
    pub(crate) fn ones(&mut self, len: usize) -> B::Form {
        let one = self.builder.constant(1, || Arc::from([1i64]));
        self.builder.repeat(&one, len)
    }

    /// `constant - x`.
    pub(crate) fn negated(&mut self, x: &B::Form, constant: i64) -> B::Form {
        self.builder.combine(&[(-1, x)], constant)
    }

    /// Sums of consecutive groups of `group` elements.
    pub(crate) fn group_sums(&mut self, x: &B::Form, group: usize) -> B::Form {
        let map = lemma_graph::LinearMap::Dense {
            weight: vec![1i32; group].into(),
            outputs: 1,
            inputs: group,
        };
        self.builder.linear(&Arc::new(map), x)
    }

    /// Sums of consecutive groups of the given lengths.
    pub(crate) fn sums(&mut self, x: &B::Form, groups: &[u32]) -> B::Form {
        let longest = groups.iter().copied().max().unwrap_or(1).max(1);
        // Each group in a row of the longest group's length, filled with zeros.
        let mut rows = Vec::with_capacity(groups.len() * longest as usize);
        let mut start = 0;
        for n in groups {
            rows.extend((0..longest).map(|i| if i < *n { start + i } else { ZERO }));
            start += n;
        }
        let rows = self.builder.gather(&rows.into(), &[x]);
        self.group_sums(&rows, longest as usize)
    }

    /// The elements of `x` at the positions `keep`.
    pub(crate) fn pick(&mut self, x: &B::Form, keep: impl Iterator<Item = usize>) -> B::Form {
        let index: Arc<[u32]> = keep.map(|i| i as u32).collect();
        self.builder.gather(&index, &[x])
    }
}
