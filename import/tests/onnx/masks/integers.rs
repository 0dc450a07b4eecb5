//! Masks in the integer model.

use super::*;

/// The integer model, calibrated on some masks and scores up to four times `factor`.
fn quantized(model: &Model, factor: f32) -> Quantized {
    let masks = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]];
    let samples = (0..32).map(|seed| {
        BTreeMap::from([
            ("scores".to_string(), scores(seed) * factor),
            ("mask".to_string(), mask_of(masks[seed as usize % masks.len()])),
        ])
    });
    let ranges = Ranges::observe(model, samples, Method::Max).unwrap();
    quantize(model, &ranges, &Options::default()).unwrap()
}

/// Softmax of the integer model on one mask, and of the float model.
fn integers(model: &Model, mask: [u8; TOKENS]) -> (Vec<f64>, Vec<f64>) {
    outputs(model, &quantized(model, 1.0), &[("scores", scores(100)), ("mask", mask_of(mask))])
}

/// The output of the integer model, and of the float model.
fn outputs(
    model: &Model,
    quantized: &Quantized,
    inputs: &[(&str, ArrayD<f32>)],
) -> (Vec<f64>, Vec<f64>) {
    let given = inputs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let inputs = quantize_inputs(&quantized.graph, &given).unwrap();
    let output = quantized.graph.outputs[0].node;
    let frac = quantized.graph.node(output).fractional_bits;
    let values = quantized.graph.execute(&inputs).unwrap();
    let found = values[output.0].iter().map(|value| dequantize(*value, frac)).collect();
    (found, model.run(&given).unwrap()[0].iter().map(|value| f64::from(*value)).collect())
}

#[test]
fn the_integer_model_gives_forbidden_scores_nothing() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        for mask in [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1]] {
            let (found, expected) = integers(&model, mask);
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 0.01, "{form} {mask:?}: {found} for {expected}");
                assert!(
                    mask[at % TOKENS] == 1 || *found == 0.0,
                    "{form} {mask:?}: {found} at {at}"
                );
            }
        }
    }
}

/// Hidden scores far above the visible ones, such as no calibration sample had: they stay hidden,
/// and no range minds them.
#[test]
fn the_integer_model_hides_scores_that_calibration_never_saw() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let quantized = quantized(&model, 6.0);
        let mut wild = scores(100).mapv(|score| score - 40.0);
        wild.index_axis_mut(Axis(3), 1).fill(45.0);
        let (found, expected) =
            outputs(&model, &quantized, &[("scores", wild), ("mask", mask_of([1, 0, 1, 1]))]);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 0.03, "{form}: {found} for {expected}");
            assert!(at % TOKENS != 1 || *found == 0.0, "{form}: {found} at {at}");
        }
    }
}

#[test]
fn the_integer_model_takes_a_row_of_padding_alone() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let (found, expected) = integers(&model, [0; TOKENS]);
        for (row, (found, expected)) in
            found.chunks(TOKENS).zip(expected.chunks(TOKENS)).enumerate()
        {
            assert!(
                (found.iter().sum::<f64>() - 1.0).abs() < 0.01,
                "{form}: row {row} is {found:?}"
            );
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01),
                "{form}: {found:?} for {expected:?}"
            );
        }
    }
}
