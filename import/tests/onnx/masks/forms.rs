//! The forms in which exporters write a mask.

use super::*;

/// Names of the forms of a mask.
pub const FORMS: [&str; 15] = [
    "multiplied by -150",
    "multiplied by -9999",
    "less one, multiplied by 1000",
    "multiplied by the lowest float",
    "multiplied by -1e9",
    "less one, multiplied by 1e9",
    "filled where the complement is true",
    "scores chosen, or minus infinity",
    "zero or minus infinity, added",
    "zero or the lowest float, added",
    "not, then minus infinity",
    "compared with zero",
    "gathered by positions",
    "with a causal mask, by and",
    "with a causal mask, by a sum",
];

/// The mask as an input of 64-bit integers.
pub fn with_input() -> File {
    File::new().input("scores", &[1, 2, TOKENS, TOKENS]).ids("mask", &[1, TOKENS])
}

/// The mask as a constant.
pub fn with_constant(mask: &[i64]) -> File {
    let mut file = File::new().input("scores", &[1, 2, TOKENS, TOKENS]);
    file.graph.initializer.push(crate::file::integers("mask", &[1, TOKENS as i64], mask));
    file
}

/// Adds `masked`, the scores under the mask in one of the forms, and its softmax.
pub fn masked(file: File, form: &str) -> File {
    let number = |value: f32| ArrayD::from_elem(IxDyn(&[]), value);
    let causal: Vec<bool> = (0..TOKENS * TOKENS).map(|at| at % TOKENS <= at / TOKENS).collect();
    let file = file
        .weights("one", number(1.0))
        .weights("zero", number(0.0))
        .weights("lowest", number(f32::MIN))
        .weights("large", number(-1e9))
        .weights("small", number(-150.0))
        .weights("odd", number(-9999.0))
        .weights("thousand", number(1000.0))
        .weights("positive", number(1e9))
        .weights("bottom", number(f32::NEG_INFINITY))
        .integer("none", 0)
        .integers("axes", &[1, 2])
        .integers("everywhere", &[1, 1, TOKENS as i64, TOKENS as i64])
        .booleans("causal", &[1, 1, TOKENS as i64, TOKENS as i64], &causal);
    let to = |kind: DataType| int("to", kind as i64);
    let numbers = |file: File| {
        let file = file.node("Unsqueeze", &["mask", "axes"], "m4", &[]).node(
            "Cast",
            &["m4"],
            "mf",
            &[to(DataType::Float)],
        );
        file.node("Sub", &["one", "mf"], "hidden", &[])
    };
    let truths = |file: File| {
        let file = file.node("Cast", &["mask"], "mb", &[to(DataType::Bool)]).node(
            "Unsqueeze",
            &["mb", "axes"],
            "m4",
            &[],
        );
        file.node("Expand", &["m4", "everywhere"], "allowed", &[])
    };
    let add = |file: File, mask: &str| file.node("Add", &["scores", mask], "masked", &[]);
    let file = match form {
        "multiplied by the lowest float" => {
            add(numbers(file).node("Mul", &["hidden", "lowest"], "bias", &[]), "bias")
        }
        "multiplied by -1e9" => {
            add(numbers(file).node("Mul", &["hidden", "large"], "bias", &[]), "bias")
        }
        "multiplied by -150" => {
            add(numbers(file).node("Mul", &["hidden", "small"], "bias", &[]), "bias")
        }
        "multiplied by -9999" => {
            add(numbers(file).node("Mul", &["hidden", "odd"], "bias", &[]), "bias")
        }
        "less one, multiplied by 1000" => {
            let file = numbers(file).node("Sub", &["mf", "one"], "less", &[]).node(
                "Mul",
                &["thousand", "less"],
                "bias",
                &[],
            );
            add(file, "bias")
        }
        "less one, multiplied by 1e9" => {
            let file = numbers(file).node("Sub", &["mf", "one"], "less", &[]).node(
                "Mul",
                &["less", "positive"],
                "bias",
                &[],
            );
            add(file, "bias")
        }
        "filled where the complement is true" => {
            let file = numbers(file).node("Cast", &["hidden"], "hb", &[to(DataType::Bool)]);
            add(file.node("Where", &["hb", "lowest", "hidden"], "bias", &[]), "bias")
        }
        "scores chosen, or minus infinity" => {
            truths(file).node("Where", &["allowed", "scores", "bottom"], "masked", &[])
        }
        "zero or minus infinity, added" => {
            add(truths(file).node("Where", &["allowed", "zero", "bottom"], "bias", &[]), "bias")
        }
        "zero or the lowest float, added" => {
            add(truths(file).node("Where", &["allowed", "zero", "lowest"], "bias", &[]), "bias")
        }
        "not, then minus infinity" => {
            let file = truths(file).node("Not", &["allowed"], "forbidden", &[]);
            file.node("Where", &["forbidden", "bottom", "scores"], "masked", &[])
        }
        "compared with zero" => {
            let file = file.node("Unsqueeze", &["mask", "axes"], "m4", &[]).node(
                "Equal",
                &["m4", "none"],
                "forbidden",
                &[],
            );
            file.node("Where", &["forbidden", "lowest", "scores"], "masked", &[])
        }
        "gathered by positions" => {
            add(gathered(file).node("Where", &["allowed", "zero", "lowest"], "bias", &[]), "bias")
        }
        "with a causal mask, by and" => {
            let file = truths(file).node("And", &["allowed", "causal"], "both", &[]);
            add(file.node("Where", &["both", "zero", "lowest"], "bias", &[]), "bias")
        }
        "with a causal mask, by a sum" => {
            let file = numbers(file).node("Mul", &["hidden", "lowest"], "padding", &[]);
            let file = file.node("Where", &["causal", "zero", "lowest"], "later", &[]);
            add(file.node("Add", &["padding", "later"], "bias", &[]), "bias")
        }
        other => panic!("no form {other}"),
    };
    file.node("Softmax", &["masked"], "weights", &[int("axis", -1)])
        .node("IsNaN", &["weights"], "broken", &[])
        .node("Where", &["broken", "zero", "weights"], "y", &[])
        .output("y")
}

/// `allowed` from the mask by index arithmetic, as the export of MiniLM does:
/// `mask[batch, position]` for computed positions.
fn gathered(file: File) -> File {
    file.integer("first", 0)
        .integer("step", 1)
        .integer("tokens", TOKENS as i64)
        .integers("last", &[-1])
        .integers("of_rows", &[1, 2, 3])
        .integers("of_columns", &[0, 1, 2])
        .node("Cast", &["mask"], "mb", &[int("to", DataType::Bool as i64)])
        .node("Range", &["first", "step", "step"], "rows", &[])
        .node("Range", &["first", "tokens", "step"], "columns", &[])
        .node("Unsqueeze", &["rows", "of_rows"], "rows4", &[])
        .node("Unsqueeze", &["columns", "of_columns"], "columns4", &[])
        .node("Max", &["rows4", "columns4"], "larger", &[])
        .node("Shape", &["larger"], "extents", &[])
        .node("Expand", &["rows4", "extents"], "all_rows", &[])
        .node("Expand", &["columns4", "extents"], "all_columns", &[])
        .node("Unsqueeze", &["all_rows", "last"], "row", &[])
        .node("Unsqueeze", &["all_columns", "last"], "column", &[])
        .node("Concat", &["row", "column"], "points", &[int("axis", -1)])
        .node("GatherND", &["mb", "points"], "chosen", &[])
        .node("GreaterOrEqual", &["columns4", "first"], "not_before", &[])
        .node("And", &["not_before", "chosen"], "allowed", &[])
}
