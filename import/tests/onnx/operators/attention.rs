//! `Attention` and `RotaryEmbedding`.

use crate::file::{File, float, int};
use crate::proto::{AttributeProto, DataType};

use super::weights;

pub fn attentions() -> Vec<(&'static str, File)> {
    let four = || {
        let file = File::new().opset(23).input("q", &[1, 4, 3, 2]).input("k", &[1, 2, 5, 2]);
        file.input("v", &[1, 2, 5, 3])
    };
    let plain = |operands: &[&str], file: File, attributes: &[AttributeProto]| {
        file.node("Attention", operands, "y", attributes).output("y")
    };
    let rotary = |x: &[usize], attributes: &[AttributeProto]| {
        let file = File::new().opset(23).input("x", x);
        let mut file =
            file.weights("c", weights(&[6, 2])).weights("s", weights(&[6, 2]).mapv(|v| 1.0 - v));
        file.graph.initializer.push(crate::file::integers("p", &[1, 3], &[4, 0, 5]));
        file.node("RotaryEmbedding", &["x", "c", "s", "p"], "y", attributes).output("y")
    };
    vec![
        ("attention of shared heads", plain(&["q", "k", "v"], four(), &[])),
        ("attention of columns", {
            let file = File::new().opset(23).input("q", &[2, 3, 4]).input("k", &[2, 5, 4]);
            let heads = [int("q_num_heads", 2), int("kv_num_heads", 2), int("is_causal", 1)];
            plain(&["q", "k", "v"], file.input("v", &[2, 5, 6]), &heads)
        }),
        ("attention under a constant mask", {
            let mut mask = weights(&[3, 5]);
            mask[[0, 1]] = f32::NEG_INFINITY;
            mask[[2, 4]] = f32::NEG_INFINITY;
            plain(&["q", "k", "v", "m"], four().weights("m", mask), &[float("softcap", 0.5)])
        }),
        ("attention of a query that sees nothing", {
            let seen = [true, false, true, false, false];
            let seen: Vec<bool> = (0..15).map(|at| at < 10 && seen[at % 5]).collect();
            let file = four().booleans("m", &[3, 5], &seen);
            plain(&["q", "k", "v", "m"], file, &[float("scale", 0.7)])
        }),
        ("attention under a private mask", {
            let extents = [3, 5].map(crate::file::fixed).to_vec();
            let file = four().typed_input("m", DataType::Bool, extents);
            plain(&["q", "k", "v", "m"], file, &[])
        }),
        ("attention with a cache", {
            let file = four().input("pk", &[1, 2, 2, 2]).input("pv", &[1, 2, 2, 3]);
            let file = file.node_of(
                "",
                "Attention",
                &["q", "k", "v", "", "pk", "pv"],
                &["y", "nk", "nv", "s"],
                &[int("is_causal", 1), int("qk_matmul_output_mode", 3)],
            );
            file.output("y").output("nk").output("nv").output("s")
        }),
        ("rotary of heads", rotary(&[1, 2, 3, 4], &[])),
        ("rotary of pairs", rotary(&[1, 2, 3, 4], &[int("interleaved", 1)])),
        ("rotary of a part of the columns", {
            rotary(&[1, 3, 12], &[int("num_heads", 2), int("rotary_embedding_dim", 4)])
        }),
        ("layer norm with its statistics", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", weights(&[3, 4]));
            let operands = ["x", "g"];
            let results = ["y", "mean", "scale"];
            let file =
                file.node_of("", "LayerNormalization", &operands, &results, &[int("axis", 1)]);
            file.output("y").output("mean").output("scale")
        }),
    ]
}
