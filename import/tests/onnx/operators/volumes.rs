//! Windows over any number of axes and samples.

use crate::file::{File, int, ints, text};
use crate::proto::AttributeProto;

use super::weights;

pub fn volumes() -> Vec<(&'static str, File)> {
    let conv = |operator: &str, x: &[usize], w: &[usize], attributes: &[AttributeProto]| {
        let file = File::new().input("x", x).weights("w", weights(w));
        file.node(operator, &["x", "w"], "y", attributes).output("y")
    };
    let pool = |operator: &str, x: &[usize], attributes: &[AttributeProto]| {
        let file = File::new().opset(19).input("x", x);
        file.node(operator, &["x"], "y", attributes).output("y")
    };
    let cube = || ints("kernel_shape", &[3, 2, 2]);
    let strides = || ints("strides", &[2, 1, 2]);
    let pads = || ints("pads", &[1, 0, 1, 0, 1, 0]);
    let ceil = || int("ceil_mode", 1);
    let count = || int("count_include_pad", 1);
    vec![
        (
            "conv of a volume",
            conv("Conv", &[1, 2, 5, 4, 6], &[3, 2, 3, 2, 2], &[strides(), pads()]),
        ),
        (
            "conv of a volume in groups, dilated",
            conv(
                "Conv",
                &[2, 4, 5, 4, 4],
                &[6, 2, 2, 2, 2],
                &[int("group", 2), ints("dilations", &[3, 1, 2]), text("auto_pad", "SAME_LOWER")],
            ),
        ),
        ("conv of two samples", conv("Conv", &[2, 2, 5, 4], &[3, 2, 3, 2], &[])),
        ("conv of two lines", conv("Conv", &[2, 2, 7], &[3, 2, 3], &[ints("strides", &[2])])),
        (
            "transposed conv of a volume",
            conv(
                "ConvTranspose",
                &[2, 2, 3, 2, 3],
                &[2, 3, 2, 3, 2],
                &[strides(), pads(), ints("output_padding", &[1, 0, 0])],
            ),
        ),
        (
            "transposed conv of a given shape",
            conv(
                "ConvTranspose",
                &[1, 2, 3, 3],
                &[2, 2, 3, 3],
                &[ints("strides", &[3, 2]), ints("output_shape", &[9, 6])],
            ),
        ),
        (
            "transposed conv of the same shape",
            conv(
                "ConvTranspose",
                &[1, 4, 3, 3],
                &[4, 1, 3, 3],
                &[ints("strides", &[2, 2]), text("auto_pad", "SAME_UPPER"), int("group", 2)],
            ),
        ),
        ("max pool of a volume", pool("MaxPool", &[2, 2, 5, 4, 5], &[cube(), strides(), pads()])),
        (
            "max pool of a volume rounding up",
            pool("MaxPool", &[1, 2, 6, 5, 5], &[cube(), strides(), ceil()]),
        ),
        (
            "max pool of three samples",
            pool("MaxPool", &[3, 2, 4, 4], &[ints("kernel_shape", &[2, 2])]),
        ),
        (
            "average pool of a volume",
            pool("AveragePool", &[1, 2, 5, 4, 5], &[cube(), strides(), pads()]),
        ),
        (
            "average pool of a volume counting padding",
            pool("AveragePool", &[2, 2, 5, 4, 5], &[cube(), strides(), pads(), count()]),
        ),
        ("average pool rounding up and counting padding", {
            let attributes = [
                ints("kernel_shape", &[3, 3]),
                ints("strides", &[2, 2]),
                ints("pads", &[1, 1, 1, 1]),
                ceil(),
                count(),
            ];
            pool("AveragePool", &[1, 2, 6, 8], &attributes)
        }),
        ("norm pool", {
            let attributes = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 1]), int("p", 2)];
            pool("LpPool", &[2, 2, 4, 5], &attributes)
        }),
        ("norm pool of absolute values", {
            let attributes = [ints("kernel_shape", &[3]), ints("pads", &[1, 1]), int("p", 1)];
            pool("LpPool", &[1, 2, 6], &attributes)
        }),
        ("global norm pool", pool("GlobalLpPool", &[1, 2, 3, 4], &[int("p", 2)])),
    ]
}
