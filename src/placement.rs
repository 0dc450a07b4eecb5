//! The choice of activation bits and of the places where tensors are rounded, by the exact number
//! of constraints.
//!
//! From two placements, one that rounds early and one that leaves everything unrounded as long as
//! it can, single changes are tried one after the other, each kept when the circuit gets smaller,
//! or no larger and more precise, until none is; the better end counts. That is a local optimum
//! over the whole graph, of some thirty quantizations. Other numbers of activation bits begin at
//! the end found for the first. More bits are taken as long as they cost hardly more.
//!
//! What is at stake, for one head of n tokens and d elements, with limbs of 12 bits: dense layers
//! leave queries and keys with 18 fractional bits, say, and the softmax wants scores of 10.
//!
//! ```text
//! rounded early   queries, keys to 11 bits: a limb and a range each        2 n d * 2 = 4 n d
//!                 a score has 22 bits and drops 12: one limb               n^2
//! rounded late    a score has 36 bits and drops 26: three limbs            3 n^2
//! ```
//!
//! With d = 32 that is 1088 against 192 constraints for 8 tokens, and 98,304 against 196,608 for
//! 256: no rule of the layers alone finds the better one.

use lemma_circuits::plan;
use lemma_model::{Model, Op};
use lemma_quantizer::calibrate::Ranges;
use lemma_quantizer::quantize::{
    MAX_TABLE_ROWS, Options, Placement, Prepared, QuantizeError, Quantized,
};

/// Activation bits that are tried when none are asked for.
const BITS: std::ops::RangeInclusive<u32> = 12..=16;

/// More bits are taken as long as they cost at most this much over the cheapest choice.
const TOLERANCE: f64 = 1.02;

/// Or as long as the circuit has no more constraints than this: so small a one is proven as fast,
/// whatever its bits.
const SMALL: usize = 1000;

/// Where the search begins.
const BEGINNINGS: [Placement; 2] = [
    Placement {
        exact_scores: false,
        exact_values: false,
        divide_first: false,
        wider_limbs: 0,
        norm_limbs: 0,
    },
    Placement {
        exact_scores: true,
        exact_values: true,
        divide_first: true,
        wider_limbs: 0,
        norm_limbs: 2,
    },
];

/// Changes that are tried for every model.
const LIMBS: [fn(&mut Placement); 4] =
    [|p| p.wider_limbs = 0, |p| p.wider_limbs = 1, |p| p.wider_limbs = 2, |p| p.wider_limbs = 3];

/// Changes that are tried for models with a normalisation.
const NORMS: [fn(&mut Placement); 3] =
    [|p| p.norm_limbs = 0, |p| p.norm_limbs = 2, |p| p.norm_limbs = 3];

/// Changes that are tried for models with a product of computed matrices.
const ATTENTION: [fn(&mut Placement); 3] = [
    |p| p.exact_scores = !p.exact_scores,
    |p| p.exact_values = !p.exact_values,
    |p| p.divide_first = !p.divide_first,
];

/// A quantization and what it costs.
struct Priced {
    quantized: Quantized,
    bits: u32,
    placement: Placement,
    constraints: usize,
}

/// Fewer constraints, or as many and finer weights, which layers have whose results are rounded.
fn rank(placement: &Placement, constraints: usize) -> (usize, u32) {
    (constraints, u32::from(placement.exact_scores) + u32::from(placement.exact_values))
}

impl Priced {
    /// Whether this is the better choice.
    fn beats(&self, other: &Priced) -> bool {
        rank(&self.placement, self.constraints) < rank(&other.placement, other.constraints)
    }
}

/// The quantization with the fewest constraints; with `bits`, among those with that many activation
/// bits, else with the most bits that cost at most 2% over the cheapest, or no more than 1,000
/// constraints.
///
/// # Errors
/// [`QuantizeError`] of the first quantization.
pub(crate) fn cheapest(
    model: &Model,
    ranges: &Ranges,
    options: &Options,
    bits: Option<u32>,
) -> Result<(Quantized, Options), QuantizeError> {
    let search =
        |bits, rows| Search::new(model, ranges, &Options { bits, ..options.clone() }, rows);
    let chosen = |best: Priced| {
        let options = Options { bits: best.bits, placement: best.placement, ..options.clone() };
        (best.quantized, options)
    };
    let first = search(bits.unwrap_or(*BITS.start()), MAX_TABLE_ROWS)?.from(&BEGINNINGS)?;
    if bits.is_some() {
        return Ok(chosen(first));
    }
    let mut priced = vec![first];
    for bits in BITS.skip(1) {
        let placement = priced.last().map_or(BEGINNINGS[0], |best| best.placement);
        // Each row of a table is a constraint: tables with more rows are not affordable, whatever
        // the rest costs.
        let rows = affordable(&priced) as u64;
        // More bits may not fit the integers; fewer always do.
        match search(bits, rows.min(MAX_TABLE_ROWS)).and_then(|search| search.from(&[placement])) {
            Ok(best) => priced.push(best),
            Err(QuantizeError::Rows { .. }) => continue,
            Err(_) => break,
        }
    }
    let limit = affordable(&priced);
    let most = priced.iter().rposition(|best| best.constraints as f64 <= limit).unwrap_or(0);
    Ok(chosen(priced.swap_remove(most)))
}

/// The most constraints that a choice may have beside those that are priced.
fn affordable(priced: &[Priced]) -> f64 {
    let cheapest = priced.iter().map(|best| best.constraints).min().unwrap_or(0);
    (cheapest as f64 * TOLERANCE).max(SMALL as f64)
}

/// The changes that can make a difference to a model.
fn changes(model: &Model) -> Vec<fn(&mut Placement)> {
    let has = |wanted: fn(&Op) -> bool| model.nodes.iter().any(|node| wanted(&node.op));
    let mut changes = LIMBS.to_vec();
    if has(|op| matches!(op, Op::Norm(_))) {
        changes.extend(NORMS);
    }
    if has(|op| matches!(op, Op::MatMul)) {
        changes.extend(ATTENTION);
    }
    changes
}

/// A search with one number of activation bits.
struct Search<'a> {
    prepared: Prepared<'a>,
    bits: u32,
    changes: Vec<fn(&mut Placement)>,
    /// Placements that were tried, with their constraints where they fit the integers.
    tried: Vec<(Placement, Option<usize>)>,
}

impl<'a> Search<'a> {
    /// A search of a model whose tables of functions may have `rows` rows together.
    fn new(
        model: &'a Model,
        ranges: &'a Ranges,
        options: &Options,
        rows: u64,
    ) -> Result<Search<'a>, QuantizeError> {
        let prepared = Prepared::new(model, ranges, options, rows)?;
        Ok(Search { prepared, bits: options.bits, changes: changes(model), tried: Vec::new() })
    }

    /// The cheapest end of the searches that begin at the given placements; an error when the
    /// integers fit none of them.
    fn from(mut self, beginnings: &[Placement]) -> Result<Priced, QuantizeError> {
        let mut best: Result<Priced, Option<QuantizeError>> = Err(None);
        for placement in beginnings {
            let end = self.price(*placement).map(|first| self.settled(first));
            best = match (best, end) {
                (Ok(best), Ok(end)) if !end.beats(&best) => Ok(best),
                (_, Ok(end)) => Ok(end),
                (Ok(best), Err(_)) => Ok(best),
                (Err(first), Err(error)) => Err(first.or(Some(error))),
            };
        }
        best.map_err(|error| {
            error.unwrap_or_else(|| QuantizeError::Options("no placement was tried".into()))
        })
    }

    fn price(&mut self, placement: Placement) -> Result<Priced, QuantizeError> {
        let priced = self.prepared.place(placement).map(|quantized| {
            let constraints = plan::cost(&quantized.graph).constraints;
            Priced { quantized, bits: self.bits, placement, constraints }
        });
        self.tried.push((placement, priced.as_ref().ok().map(|priced| priced.constraints)));
        priced
    }

    /// Whether a placement that was tried before is no better.
    fn is_known_worse(&self, placement: &Placement, best: &Priced) -> bool {
        let known = self
            .tried
            .iter()
            .find(|(tried, _)| tried == placement)
            .map(|(_, constraints)| constraints);
        let beats = |constraints: usize| {
            rank(placement, constraints) < rank(&best.placement, best.constraints)
        };
        known.is_some_and(|constraints| !constraints.is_some_and(beats))
    }

    /// Changes one thing at a time as long as that makes the circuit smaller.
    fn settled(&mut self, mut best: Priced) -> Priced {
        loop {
            let before = best.placement;
            for change in self.changes.clone() {
                let mut placement = best.placement;
                change(&mut placement);
                if placement == best.placement || self.is_known_worse(&placement, &best) {
                    continue;
                }
                // A placement that does not fit the integers is no choice.
                if let Ok(other) = self.price(placement)
                    && other.beats(&best)
                {
                    best = other;
                }
            }
            if best.placement == before {
                return best;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lemma_quantizer::calibrate::Method;
    use lemma_quantizer::quantize::quantize;
    use ndarray::{Array2, ArrayD};

    use super::*;

    /// One head of attention over `tokens` rows of `width` elements, added to its input and
    /// normalised.
    fn attention(tokens: usize, width: usize) -> (Model, Ranges) {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, tokens, width]).unwrap();
        let dense = |model: &mut Model, name: &str, x, seed: usize| {
            let weight = Array2::from_shape_fn((width, width), |(i, j)| {
                ((i * 7 + j * 3 + seed) % 11) as f32 / 11.0 - 0.45
            });
            model.push(name, Op::Dense { weight, bias: None }, &[x]).unwrap()
        };
        let [q, k, v] =
            [("q", 1), ("k", 4), ("v", 8)].map(|(name, seed)| dense(&mut model, name, x, seed));
        let columns = model
            .push("columns", Op::View(lemma_model::View::Transpose(vec![0, 2, 1])), &[k])
            .unwrap();
        let scores = model.push("scores", Op::MatMul, &[q, columns]).unwrap();
        let weights = model.push("weights", Op::Softmax, &[scores]).unwrap();
        let mixed = model.push("mixed", Op::MatMul, &[weights, v]).unwrap();
        let out = dense(&mut model, "out", mixed, 5);
        let sum = model.push("sum", Op::Add, &[x, out]).unwrap();
        let norm = model.push("norm", Op::Norm(lemma_model::Norm::layer(1e-5)), &[sum]).unwrap();
        let last = dense(&mut model, "last", norm, 2);
        model.outputs.push(("y".into(), last));
        let sample = ArrayD::from_shape_fn(vec![1, tokens, width], |i| {
            ((i[1] * 5 + i[2] * 3) % 13) as f32 / 6.5 - 1.0
        });
        let ranges =
            Ranges::observe(&model, [BTreeMap::from([("x".to_owned(), sample)])], Method::Max)
                .unwrap();
        (model, ranges)
    }

    #[test]
    fn the_search_ends_no_dearer_than_it_begins_and_follows_the_length_of_the_sequence() {
        let found = [(4, 32), (32, 4)].map(|(tokens, width)| {
            let (model, ranges) = attention(tokens, width);
            let (best, options) = cheapest(&model, &ranges, &Options::default(), Some(12)).unwrap();
            let price = plan::cost(&best.graph).constraints;
            for placement in BEGINNINGS {
                let begun = quantize(
                    &model,
                    &ranges,
                    &Options { bits: 12, placement, ..Options::default() },
                )
                .unwrap();
                assert!(price <= plan::cost(&begun.graph).constraints, "{tokens} tokens");
            }
            options.placement
        });
        // Few scores of wide rows are divided and take all bits; many scores of narrow rows do not.
        assert!(found[0].exact_scores && found[0].divide_first, "{:?}", found[0]);
        assert!(!found[1].exact_scores && !found[1].divide_first, "{:?}", found[1]);
    }

    #[test]
    fn a_small_circuit_takes_the_most_bits() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 4]).unwrap();
        let weight = Array2::from_shape_fn((4, 3), |(i, j)| (i as f32 - j as f32) / 4.0);
        let y = model.push("dense", Op::Dense { weight, bias: None }, &[x]).unwrap();
        let y = model.push("relu", Op::Unary(lemma_model::Unary::Relu), &[y]).unwrap();
        model.outputs.push(("y".into(), y));
        let sample = ndarray::arr2(&[[1.0, -0.5, 0.25, 0.75]]).into_dyn();
        let ranges =
            Ranges::observe(&model, [BTreeMap::from([("x".to_owned(), sample)])], Method::Max)
                .unwrap();
        let (quantized, options) = cheapest(&model, &ranges, &Options::default(), None).unwrap();
        assert_eq!(options.bits, *BITS.end());
        assert!(plan::cost(&quantized.graph).constraints <= SMALL);
    }

    #[test]
    fn models_without_attention_and_norms_try_no_changes_of_theirs() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 2]).unwrap();
        model.outputs.push(("y".into(), x));
        assert_eq!(changes(&model).len(), LIMBS.len());
        assert_eq!(changes(&attention(2, 2).0).len(), LIMBS.len() + NORMS.len() + ATTENTION.len());
    }
}
