//! Texts that a decoder writes itself, to calibrate it on.

use lemma_model::ExecuteError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Inputs;
use crate::generation::CausalModel;

/// Seed of the draws: the same model is calibrated on the same texts every time.
const SEED: u64 = 1;

/// Draws `count` texts from a float model, each token with its probability after `first`, or after
/// one that is drawn evenly. Every fourth text ends early and is filled up with `padding`, as a
/// text that is proven is. Costs `count * tokens` runs of the model.
///
/// # Errors
/// What the float model says.
pub fn own_texts(
    model: &CausalModel,
    first: Option<u32>,
    padding: u32,
    count: usize,
) -> Result<Vec<Inputs>, ExecuteError> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let vocabulary = u32::try_from(model.vocabulary()).unwrap_or(u32::MAX);
    let mut texts = Vec::with_capacity(count);
    for text in 0..count {
        let end = if text % 4 == 3 { random.gen_range(1..=model.tokens()) } else { model.tokens() };
        let first = first.unwrap_or_else(|| random.gen_range(0..vocabulary));
        let mut ids = vec![first];
        while ids.len() < end {
            ids.push(draw(&model.logits(&ids, padding)?, &mut random));
        }
        texts.push(model.inputs(&ids, padding));
    }
    Ok(texts)
}

/// An index with the probability of its logit.
fn draw(logits: &[f32], random: &mut ChaCha8Rng) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|v| f64::from(v - largest).exp()).collect();
    let mut left = random.gen_range(0.0..1.0) * weights.iter().sum::<f64>();
    for (index, weight) in (0..).zip(&weights) {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_probabilities() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let logits = [0.0f32, 3f32.ln(), f32::NEG_INFINITY, 4f32.ln()];
        let mut counts = [0; 4];
        for _ in 0..8000 {
            counts[draw(&logits, &mut random) as usize] += 1;
        }
        assert_eq!(counts[2], 0);
        for (count, expected) in counts.into_iter().zip([1000, 3000, 0, 4000]) {
            assert!(i32::abs(count - expected) < 200, "{counts:?}");
        }
    }
}
