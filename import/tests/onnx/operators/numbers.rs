//! Whole numbers: remainders, quotients, shifts, bits, changes of type, quantized tensors.

use crate::file::{File, int, text};
use crate::proto::{AttributeProto, DataType};

use super::{scalar, weights};

/// A file that begins with whole numbers between `-scale` and `scale` of a type.
fn whole(scale: f32, kind: DataType) -> File {
    let file = File::new().opset(21).input("x", &[2, 6]).weights("scale", scalar(scale));
    let file = file.node("Mul", &["x", "scale"], "m", &[]);
    file.node("Cast", &["m"], "v", &[int("to", kind as i64)])
}

fn with(operator: &str, constants: &[i32], attributes: &[AttributeProto]) -> File {
    let file = whole(60.0, DataType::Int32).counts("c", constants);
    file.node(operator, &["v", "c"], "y", attributes).typed_output("y", DataType::Int32)
}

pub fn numbers() -> Vec<(&'static str, File)> {
    let cast = |from: DataType, to: DataType| {
        whole(300.0, from).node("Cast", &["v"], "y", &[int("to", to as i64)]).typed_output("y", to)
    };
    let bytes = |values: &[i32]| {
        let file = whole(120.0, DataType::Int32).weights("b", scalar(128.0));
        let file = file.node("Cast", &["v"], "f", &[int("to", 1)]);
        let file =
            file.node("Add", &["f", "b"], "n", &[]).node("Cast", &["n"], "u", &[int("to", 2)]);
        file.small("c", DataType::Uint8, &[values.len() as i64], values)
    };
    let shift = |direction: &str| {
        bytes(&[0, 1, 2, 3, 7, 8])
            .node("BitShift", &["u", "c"], "y", &[text("direction", direction)])
            .typed_output("y", DataType::Uint8)
    };
    vec![
        ("remainders", with("Mod", &[3, -3, 7, -7, 1, 60], &[])),
        ("remainders cut off", with("Mod", &[3, -3, 7, -7, 1, 60], &[int("fmod", 1)])),
        ("remainders by one number", with("Mod", &[5], &[])),
        ("whole quotients", with("Div", &[3, -3, 7, -7, 1, 60], &[])),
        ("bits of both", with("BitwiseAnd", &[3, -3, 7, -8, 0, 60], &[])),
        ("bits of either", with("BitwiseOr", &[3, -3, 7, -8, 0, 60], &[])),
        ("bits of one", with("BitwiseXor", &[3, -3, 7, -8, 0, 60], &[])),
        ("bits turned round", {
            whole(60.0, DataType::Int32)
                .node("BitwiseNot", &["v"], "y", &[])
                .typed_output("y", DataType::Int32)
        }),
        ("shift to the left", shift("LEFT")),
        ("shift to the right", shift("RIGHT")),
        ("integers cut to a byte", cast(DataType::Int32, DataType::Uint8)),
        ("integers cut to a signed byte", cast(DataType::Int64, DataType::Int8)),
        ("bytes that wrap around", {
            bytes(&[255, 1, 0, 128, 200, 77])
                .node("Add", &["u", "c"], "s", &[])
                .node("Cast", &["s"], "y", &[int("to", 1)])
                .output("y")
        }),
        ("powers by several exponents", {
            let exponents = ndarray::array![0.0, 1.0, 2.0, 3.0, 5.0, 2.0].into_dyn();
            let file = File::new().input("x", &[2, 6]).weights("p", exponents);
            file.node("Pow", &["x", "p"], "y", &[]).output("y")
        }),
        ("powers of computed numbers", {
            let file = File::new().input("x", &[2, 3]).input("p", &[2, 1]);
            let file = file.node("Exp", &["x"], "e", &[]);
            file.node("Pow", &["e", "p"], "y", &[]).output("y")
        }),
    ]
}

pub fn quantized() -> Vec<(&'static str, File)> {
    let scale = |file: File, name: &str, value: f32| file.weights(name, scalar(value));
    let zero =
        |file: File, name: &str, kind: DataType, value: i32| file.small(name, kind, &[], &[value]);
    let byte = |file: File, x: &str, y: &str| file.node("QuantizeLinear", &[x, "sx", "zx"], y, &[]);
    let begun = |shape: &[usize]| {
        let file = scale(File::new().opset(13).input("x", shape), "sx", 1.0 / 64.0);
        byte(zero(file, "zx", DataType::Uint8, 100), "x", "q")
    };
    let finished =
        |file: File| file.node("DequantizeLinear", &["r", "sy", "zy"], "y", &[]).output("y");
    let kernel = [30, -7, 127, -128, 5, 9, 0, 1, -1, 64, 33, -90];
    vec![
        ("quantized and back", {
            begun(&[3, 4]).node("DequantizeLinear", &["q", "sx", "zx"], "y", &[]).output("y")
        }),
        ("quantized with a scale for each row", {
            let scales = ndarray::array![0.01, 0.02, 0.05].into_dyn();
            let file = File::new().opset(13).input("x", &[3, 4]).weights("s", scales);
            let file = file.small("z", DataType::Int8, &[3], &[0, -5, 20]);
            let file = file.node("QuantizeLinear", &["x", "s", "z"], "q", &[int("axis", 0)]);
            let file = file.node("DequantizeLinear", &["q", "s", "z"], "y", &[int("axis", 0)]);
            file.output("y")
        }),
        ("quantized on the range of the operand", {
            let file = File::new().opset(13).input("x", &[3, 4]).node_of(
                "",
                "DynamicQuantizeLinear",
                &["x"],
                &["q", "s", "z"],
                &[],
            );
            file.node("DequantizeLinear", &["q", "s", "z"], "y", &[]).output("y")
        }),
        ("integer product", {
            let file = begun(&[2, 4]).small("w", DataType::Int8, &[4, 3], &kernel);
            let file = file.small("zw", DataType::Int8, &[], &[3]);
            file.node("MatMulInteger", &["q", "w", "zx", "zw"], "i", &[])
                .node("Cast", &["i"], "y", &[int("to", 1)])
                .output("y")
        }),
        ("integer conv", {
            let file = begun(&[1, 1, 4, 4]).small(
                "w",
                DataType::Uint8,
                &[3, 1, 2, 2],
                &[30, 7, 127, 128, 5, 9, 0, 1, 255, 64, 33, 90],
            );
            file.node("ConvInteger", &["q", "w", "zx"], "i", &[])
                .node("Cast", &["i"], "y", &[int("to", 1)])
                .output("y")
        }),
        ("quantized product", {
            let file = begun(&[2, 4]).small("w", DataType::Int8, &[4, 3], &kernel);
            let file = scale(scale(file, "sw", 0.02), "sy", 0.05);
            let file = zero(zero(file, "zw", DataType::Int8, 0), "zy", DataType::Uint8, 120);
            let operands = ["q", "sx", "zx", "w", "sw", "zw", "sy", "zy"];
            finished(file.node("QLinearMatMul", &operands, "r", &[]))
        }),
        ("quantized conv with a scale for each channel", {
            let file = begun(&[1, 1, 4, 4]).small("w", DataType::Int8, &[3, 1, 2, 2], &kernel);
            let file = file.weights("sw", ndarray::array![0.01, 0.02, 0.03].into_dyn());
            let file = scale(file, "sy", 0.05).counts("b", &[100, -700, 3000]);
            let file = file.small("zw", DataType::Int8, &[3], &[0, 0, 0]);
            let file = zero(file, "zy", DataType::Uint8, 120);
            let operands = ["q", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"];
            finished(file.node("QLinearConv", &operands, "r", &[]))
        }),
        ("quantized sum", {
            let file = begun(&[2, 4]).weights("w", weights(&[2, 4]));
            let file = scale(scale(file, "sw", 0.008), "sy", 0.02);
            let file = zero(zero(file, "zw", DataType::Uint8, 128), "zy", DataType::Uint8, 120);
            let file = file.node("QuantizeLinear", &["w", "sw", "zw"], "p", &[]);
            let operands = ["q", "sx", "zx", "p", "sw", "zw", "sy", "zy"];
            finished(file.node_of("com.microsoft", "QLinearAdd", &operands, &["r"], &[]))
        }),
    ]
}
