//! Convolutions, pooling, batch norm.

use crate::proto::AttributeProto;

use super::{positive, weights};
use crate::file::{File, int, ints, text};

pub fn windows() -> Vec<(&'static str, File)> {
    let conv = |x: &[usize], w: &[usize], attributes: &[AttributeProto]| {
        let file =
            File::new().input("x", x).weights("w", weights(w)).weights("b", weights(&w[..1]));
        file.node("Conv", &["x", "w", "b"], "y", attributes).output("y")
    };
    let pool = |operator: &str, x: &[usize], attributes: &[AttributeProto]| {
        File::new().input("x", x).node(operator, &["x"], "y", attributes).output("y")
    };
    let square = || ints("kernel_shape", &[3, 3]);
    vec![
        ("conv", conv(&[1, 2, 7, 6], &[4, 2, 3, 3], &[])),
        ("conv strided and padded", {
            conv(
                &[1, 2, 7, 6],
                &[4, 2, 3, 3],
                &[ints("strides", &[2, 1]), ints("pads", &[1, 0, 2, 1])],
            )
        }),
        ("conv dilated", conv(&[1, 2, 9, 8], &[4, 2, 3, 2], &[ints("dilations", &[2, 3])])),
        ("conv in groups", conv(&[1, 4, 6, 6], &[6, 2, 3, 3], &[int("group", 2)])),
        (
            "conv depthwise",
            conv(&[1, 4, 6, 6], &[4, 1, 3, 3], &[int("group", 4), ints("pads", &[1, 1, 1, 1])]),
        ),
        ("conv 1x1", conv(&[1, 4, 5, 5], &[3, 4, 1, 1], &[])),
        ("conv 1x1 strided", conv(&[1, 4, 5, 5], &[3, 4, 1, 1], &[ints("strides", &[2, 2])])),
        (
            "conv same upper",
            conv(
                &[1, 2, 7, 6],
                &[4, 2, 3, 2],
                &[text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
            ),
        ),
        ("conv same lower", conv(&[1, 2, 7, 6], &[4, 2, 2, 2], &[text("auto_pad", "SAME_LOWER")])),
        ("conv valid", conv(&[1, 2, 7, 6], &[4, 2, 3, 3], &[text("auto_pad", "VALID")])),
        (
            "conv of a line",
            conv(&[1, 2, 9], &[4, 2, 3], &[ints("strides", &[2]), ints("pads", &[1, 1])]),
        ),
        (
            "conv of a line, depthwise",
            conv(&[1, 4, 9], &[4, 1, 3], &[int("group", 4), ints("pads", &[2, 0])]),
        ),
        ("conv with batch norm and relu", {
            conv(&[1, 2, 6, 6], &[4, 2, 3, 3], &[])
                .weights("scale", positive(&[4]))
                .weights("shift", weights(&[4]))
                .weights("mean", weights(&[4]) * 0.5)
                .weights("variance", positive(&[4]))
                .node("BatchNormalization", &["y", "scale", "shift", "mean", "variance"], "n", &[])
                .node("Relu", &["n"], "r", &[])
                .output("r")
        }),
        ("batch norm alone", {
            File::new()
                .input("x", &[1, 4, 3, 3])
                .weights("scale", positive(&[4]))
                .weights("shift", weights(&[4]))
                .weights("mean", weights(&[4]) * 0.5)
                .weights("variance", positive(&[4]))
                .node("BatchNormalization", &["x", "scale", "shift", "mean", "variance"], "y", &[])
                .output("y")
        }),
        ("average pool", pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("strides", &[2, 2])])),
        (
            "average pool padded",
            pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("pads", &[1, 1, 1, 1])]),
        ),
        ("average pool counting padding", {
            let count = int("count_include_pad", 1);
            pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("pads", &[1, 1, 1, 1]), count])
        }),
        ("average pool rounding up", {
            let attributes =
                [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
            pool("AveragePool", &[1, 2, 5, 5], &attributes)
        }),
        ("average pool of a line", pool("AveragePool", &[1, 2, 6], &[ints("kernel_shape", &[2])])),
        (
            "max pool",
            pool(
                "MaxPool",
                &[1, 2, 6, 6],
                &[square(), ints("strides", &[2, 2]), ints("pads", &[1, 1, 0, 0])],
            ),
        ),
        ("max pool rounding up", {
            let attributes =
                [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
            pool("MaxPool", &[1, 2, 5, 7], &attributes)
        }),
        (
            "max pool dilated",
            pool("MaxPool", &[1, 2, 7, 7], &[square(), ints("dilations", &[2, 2])]),
        ),
        (
            "max pool of a line",
            pool("MaxPool", &[1, 2, 6], &[ints("kernel_shape", &[2]), ints("strides", &[2])]),
        ),
        ("global average pool", pool("GlobalAveragePool", &[1, 3, 4, 5], &[])),
        ("zero padding before a conv", {
            let file =
                File::new().input("x", &[1, 1, 4, 4]).integers("pads", &[0, 0, 1, 1, 0, 0, 2, 1]);
            let file =
                file.weights("w", weights(&[2, 1, 3, 3])).node("Pad", &["x", "pads"], "p", &[]);
            file.node("Conv", &["p", "w"], "y", &[]).output("y")
        }),
    ]
}
