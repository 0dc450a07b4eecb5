//! Recurrent layers, unrolled.

use crate::proto::AttributeProto;

use super::weights;
use crate::file::{File, float, floats_of, int, text, texts};

/// Steps, batch, width of the input, width of the state.
const SIZES: [usize; 4] = [4, 2, 3, 5];

/// A layer with biases whose inputs from `sequence_lens` on are named.
fn layer(
    operator: &str,
    directions: usize,
    rest: &[&str],
    outputs: &[&str],
    attributes: &[AttributeProto],
) -> File {
    let [steps, batch, width, hidden] = SIZES;
    let gates = match operator {
        "RNN" => 1,
        "GRU" => 3,
        _ => 4,
    };
    let file = File::new()
        .opset(14)
        .input("x", &[steps, batch, width])
        .weights("w", weights(&[directions, gates * hidden, width]))
        .weights("r", weights(&[directions, gates * hidden, hidden]))
        .weights("b", weights(&[directions, 2 * gates * hidden]))
        .weights("p", weights(&[directions, 3 * hidden]));
    let file =
        if rest.contains(&"h") { file.input("h", &[directions, batch, hidden]) } else { file };
    let file =
        if rest.contains(&"c") { file.input("c", &[directions, batch, hidden]) } else { file };
    let file = if rest.contains(&"n") { file.counts("n", &[3; 2]) } else { file };
    let attributes = [&[int("hidden_size", hidden as i64)], attributes].concat();
    let file =
        file.node_of("", operator, &[&["x", "w", "r", "b"], rest].concat(), outputs, &attributes);
    outputs.iter().filter(|name| !name.is_empty()).fold(file, |file, name| file.output(name))
}

pub fn recurrent() -> Vec<(&'static str, File)> {
    let both = || text("direction", "bidirectional");
    vec![
        ("rnn", layer("RNN", 1, &[], &["y", "s"], &[])),
        ("rnn, both ways, from a state", layer("RNN", 2, &["", "h"], &["y", "s"], &[both()])),
        ("rnn with other activations", {
            let attributes = [
                texts("activations", &["LeakyRelu"]),
                floats_of("activation_alpha", &[0.3]),
                float("clip", 0.5),
            ];
            layer("RNN", 1, &[], &["y"], &attributes)
        }),
        ("gru", layer("GRU", 1, &[], &["y", "s"], &[])),
        ("gru, reset late", layer("GRU", 1, &[], &["y", "s"], &[int("linear_before_reset", 1)])),
        ("gru, both ways, reset late, from a state", {
            layer("GRU", 2, &["", "h"], &["y", "s"], &[both(), int("linear_before_reset", 1)])
        }),
        (
            "gru, backwards, from a state",
            layer("GRU", 1, &["", "h"], &["", "s"], &[text("direction", "reverse")]),
        ),
        ("lstm", layer("LSTM", 1, &[], &["y", "s", "e"], &[])),
        (
            "lstm, both ways, from states",
            layer("LSTM", 2, &["", "h", "c"], &["y", "s", "e"], &[both()]),
        ),
        ("lstm with peepholes", layer("LSTM", 1, &["", "h", "c", "p"], &["y", "", "e"], &[])),
        ("lstm of a shorter sequence, backwards", {
            layer("LSTM", 1, &["n"], &["y", "s", "e"], &[text("direction", "reverse")])
        }),
        ("lstm with other activations", {
            let names = texts("activations", &["HardSigmoid", "Softsign", "ScaledTanh"]);
            let parameters = [
                floats_of("activation_alpha", &[0.25, 1.5]),
                floats_of("activation_beta", &[0.4, 0.7]),
            ];
            layer(
                "LSTM",
                1,
                &["", "h", "c"],
                &["y", "s", "e"],
                &[&[names][..], &parameters].concat(),
            )
        }),
    ]
}
