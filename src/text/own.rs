//! Texts that a decoder writes itself, to calibrate it on.

use lemma_quantizer::model::{ExecuteError, Model};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TextInputs;
use crate::Inputs;

/// Seed of the draws: the same model is calibrated on the same texts every time.
const SEED: u64 = 1;

/// Draws `count` texts from a float decoder with the output `logits` `[1, tokens, vocabulary]`, each token with its probability after `first`.
/// Every fourth text ends early and is filled up with `first`, as a text that is proven is. Costs `count * tokens` runs of the model.
///
/// # Errors
/// What the float model says; none when the model has no such output, and then no texts either.
pub fn own_texts(model: &Model, inputs: &TextInputs, first: u32, count: usize) -> Result<Vec<Inputs>, ExecuteError> {
    let Some(logits) = model.outputs.iter().position(|(name, _)| name == "logits") else { return Ok(Vec::new()) };
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut texts = Vec::with_capacity(count);
    for text in 0..count {
        let end = if text % 4 == 3 { random.gen_range(1..=inputs.tokens()) } else { inputs.tokens() };
        let mut ids = vec![first];
        while ids.len() < end {
            let outputs = model.run(&inputs.fill(&ids, first))?;
            let Some(output) = outputs.get(logits) else { return Ok(Vec::new()) };
            let width = output.shape().last().copied().unwrap_or(1);
            let row: Vec<f32> = output.iter().skip((ids.len() - 1) * width).take(width).copied().collect();
            ids.push(draw(&row, &mut random));
        }
        texts.push(inputs.fill(&ids, first));
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
