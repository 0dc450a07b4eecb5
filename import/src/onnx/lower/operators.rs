//! Which operators are known, and what lowers them.

use super::value::{Args, Value};
use super::{Lowering, Node, Problem};
use crate::onnx::fold;
use crate::onnx::node::name_of;
use crate::onnx::proto::NodeProto;
use lemma_model::Unary;

type Function = fn(&mut Lowering, &mut Node, &Args) -> Result<Vec<Option<Value>>, Problem>;

/// How a node is lowered.
#[derive(Clone, Copy)]
pub(super) enum Lower {
    /// By a function that looks at its operands itself.
    Always(Function),
    /// By arithmetic, where an operand is computed.
    Computed(Function),
    /// By moving elements, where an operand is computed.
    Moved(Function),
}

/// ONNX's own operators that depend on inputs, except those of [`Unary::of_operator`]. Sorted.
const OWN: &[(&str, Lower)] = &[
    ("Add", Lower::Computed(Lowering::binary)),
    ("AffineGrid", Lower::Computed(Lowering::affine_grid)),
    ("And", Lower::Computed(Lowering::connective)),
    ("ArgMax", Lower::Computed(Lowering::arg_extremum)),
    ("ArgMin", Lower::Computed(Lowering::arg_extremum)),
    ("Attention", Lower::Moved(Lowering::attention)),
    ("AveragePool", Lower::Computed(Lowering::average_pool)),
    ("BatchNormalization", Lower::Computed(Lowering::batch_norm)),
    ("BitShift", Lower::Moved(Lowering::shifted_bits)),
    ("BitwiseAnd", Lower::Moved(Lowering::bits)),
    ("BitwiseNot", Lower::Moved(Lowering::flipped_bits)),
    ("BitwiseOr", Lower::Moved(Lowering::bits)),
    ("BitwiseXor", Lower::Moved(Lowering::bits)),
    ("Cast", Lower::Moved(Lowering::cast)),
    ("CastLike", Lower::Moved(Lowering::cast_like)),
    ("CausalConvWithState", Lower::Computed(Lowering::causal_convolution)),
    ("Celu", Lower::Computed(Lowering::parametric)),
    ("CenterCropPad", Lower::Moved(Lowering::center)),
    ("Clip", Lower::Computed(Lowering::clip)),
    ("Col2Im", Lower::Computed(Lowering::columns_to_image)),
    ("Compress", Lower::Moved(Lowering::compressed)),
    ("Concat", Lower::Moved(Lowering::concat)),
    ("Constant", Lower::Always(Lowering::constant_node)),
    ("Conv", Lower::Computed(Lowering::convolution)),
    ("ConvInteger", Lower::Moved(Lowering::integer_product)),
    ("ConvTranspose", Lower::Computed(Lowering::transposed_convolution)),
    ("CumProd", Lower::Computed(Lowering::running_product)),
    ("CumSum", Lower::Computed(Lowering::running_sum)),
    ("DFT", Lower::Computed(Lowering::fourier)),
    ("DepthToSpace", Lower::Moved(Lowering::blocks)),
    ("DequantizeLinear", Lower::Moved(Lowering::dequantize)),
    ("Div", Lower::Computed(Lowering::binary)),
    ("Dropout", Lower::Moved(Lowering::passed)),
    ("DynamicQuantizeLinear", Lower::Moved(Lowering::quantize_dynamically)),
    ("Einsum", Lower::Computed(Lowering::einsum)),
    ("Elu", Lower::Computed(Lowering::parametric)),
    ("Equal", Lower::Computed(Lowering::comparison)),
    ("Expand", Lower::Moved(Lowering::expand)),
    ("EyeLike", Lower::Moved(Lowering::eye)),
    ("Flatten", Lower::Moved(Lowering::flatten)),
    ("GRU", Lower::Computed(Lowering::recurrent)),
    ("Gather", Lower::Moved(Lowering::gather)),
    ("GatherElements", Lower::Moved(Lowering::gather_elements)),
    ("GatherND", Lower::Moved(Lowering::gather_points)),
    ("Gelu", Lower::Computed(Lowering::gelu)),
    ("Gemm", Lower::Computed(Lowering::gemm)),
    ("GlobalAveragePool", Lower::Computed(Lowering::global_average)),
    ("GlobalLpPool", Lower::Computed(Lowering::global_norm)),
    ("GlobalMaxPool", Lower::Computed(Lowering::global_max)),
    ("Greater", Lower::Computed(Lowering::comparison)),
    ("GreaterOrEqual", Lower::Computed(Lowering::comparison)),
    ("GridSample", Lower::Computed(Lowering::grid_sample)),
    ("GroupNormalization", Lower::Computed(Lowering::group_norm)),
    ("HardSigmoid", Lower::Computed(Lowering::parametric)),
    ("Hardmax", Lower::Computed(Lowering::hardmax)),
    ("Identity", Lower::Moved(Lowering::passed)),
    ("If", Lower::Always(Lowering::branch)),
    ("InstanceNormalization", Lower::Computed(Lowering::group_norm)),
    ("IsInf", Lower::Computed(Lowering::is_nan)),
    ("IsNaN", Lower::Computed(Lowering::is_nan)),
    ("LRN", Lower::Computed(Lowering::local_response)),
    ("LSTM", Lower::Computed(Lowering::recurrent)),
    ("LayerNormalization", Lower::Computed(Lowering::layer_norm)),
    ("LeakyRelu", Lower::Computed(Lowering::parametric)),
    ("Less", Lower::Computed(Lowering::comparison)),
    ("LessOrEqual", Lower::Computed(Lowering::comparison)),
    ("LogSoftmax", Lower::Computed(Lowering::softmax)),
    ("Loop", Lower::Always(Lowering::repeat)),
    ("LpNormalization", Lower::Computed(Lowering::lp_norm)),
    ("LpPool", Lower::Computed(Lowering::norm_pool)),
    ("MatMul", Lower::Computed(Lowering::matmul)),
    ("MatMulInteger", Lower::Moved(Lowering::integer_product)),
    ("Max", Lower::Computed(Lowering::variadic)),
    ("MaxPool", Lower::Computed(Lowering::max_pool)),
    ("Mean", Lower::Computed(Lowering::variadic)),
    ("MeanVarianceNormalization", Lower::Computed(Lowering::mean_variance)),
    ("Min", Lower::Computed(Lowering::variadic)),
    ("Mod", Lower::Moved(Lowering::remainder)),
    ("Mul", Lower::Computed(Lowering::binary)),
    ("Neg", Lower::Computed(Lowering::negative)),
    ("Not", Lower::Computed(Lowering::not)),
    ("OneHot", Lower::Moved(Lowering::one_hot)),
    ("Or", Lower::Computed(Lowering::connective)),
    ("PRelu", Lower::Computed(Lowering::prelu)),
    ("Pad", Lower::Moved(Lowering::pad)),
    ("Pow", Lower::Computed(Lowering::binary)),
    ("QLinearConv", Lower::Moved(Lowering::quantized_product)),
    ("QLinearMatMul", Lower::Moved(Lowering::quantized_product)),
    ("QuantizeLinear", Lower::Moved(Lowering::quantize)),
    ("RMSNormalization", Lower::Computed(Lowering::layer_norm)),
    ("RNN", Lower::Computed(Lowering::recurrent)),
    ("Reciprocal", Lower::Computed(Lowering::inverse)),
    ("ReduceL1", Lower::Computed(Lowering::reduce)),
    ("ReduceL2", Lower::Computed(Lowering::reduce)),
    ("ReduceLogSum", Lower::Computed(Lowering::reduce)),
    ("ReduceLogSumExp", Lower::Computed(Lowering::reduce)),
    ("ReduceMax", Lower::Computed(Lowering::reduce)),
    ("ReduceMean", Lower::Computed(Lowering::reduce)),
    ("ReduceMin", Lower::Computed(Lowering::reduce)),
    ("ReduceProd", Lower::Computed(Lowering::reduce)),
    ("ReduceSum", Lower::Computed(Lowering::reduce)),
    ("ReduceSumSquare", Lower::Computed(Lowering::reduce)),
    ("Reshape", Lower::Moved(Lowering::reshape)),
    ("Resize", Lower::Computed(Lowering::resize)),
    ("ReverseSequence", Lower::Moved(Lowering::reversed)),
    ("RotaryEmbedding", Lower::Moved(Lowering::rotary)),
    ("Scatter", Lower::Moved(Lowering::scatter_elements)),
    ("ScatterElements", Lower::Moved(Lowering::scatter_elements)),
    ("ScatterND", Lower::Moved(Lowering::scatter_points)),
    ("Selu", Lower::Computed(Lowering::parametric)),
    ("Shape", Lower::Always(Lowering::shape)),
    ("Shrink", Lower::Computed(Lowering::parametric)),
    ("SimplifiedLayerNormalization", Lower::Computed(Lowering::layer_norm)),
    ("Size", Lower::Always(Lowering::shape)),
    ("Slice", Lower::Moved(Lowering::slice)),
    ("Softmax", Lower::Computed(Lowering::softmax)),
    ("SpaceToDepth", Lower::Moved(Lowering::blocks)),
    ("Split", Lower::Moved(Lowering::split)),
    ("Squeeze", Lower::Moved(Lowering::squeeze)),
    ("Sub", Lower::Computed(Lowering::binary)),
    ("Sum", Lower::Computed(Lowering::variadic)),
    ("Swish", Lower::Computed(Lowering::parametric)),
    ("Tan", Lower::Computed(Lowering::tangent)),
    ("ThresholdedRelu", Lower::Computed(Lowering::parametric)),
    ("Tile", Lower::Moved(Lowering::tile)),
    ("TopK", Lower::Computed(Lowering::top)),
    ("Transpose", Lower::Moved(Lowering::transpose)),
    ("Trilu", Lower::Moved(Lowering::triangle)),
    ("Unsqueeze", Lower::Moved(Lowering::unsqueeze)),
    ("Upsample", Lower::Computed(Lowering::resize)),
    ("Where", Lower::Moved(Lowering::select)),
    ("Xor", Lower::Computed(Lowering::connective)),
];

/// Operators of the domain where exporters put fused transformer operators. Sorted.
const FUSED: &[(&str, Lower)] = &[
    ("BiasGelu", Lower::Computed(Lowering::biased_gelu)),
    ("FastGelu", Lower::Computed(Lowering::biased_gelu)),
    ("Gelu", Lower::Computed(Lowering::gelu)),
    ("QLinearAdd", Lower::Moved(Lowering::between_scales)),
    ("QLinearAveragePool", Lower::Moved(Lowering::between_scales)),
    ("QLinearGlobalAveragePool", Lower::Moved(Lowering::between_scales)),
    ("QLinearLeakyRelu", Lower::Moved(Lowering::between_scales)),
    ("QLinearMul", Lower::Moved(Lowering::between_scales)),
    ("QLinearSigmoid", Lower::Moved(Lowering::between_scales)),
    ("QuickGelu", Lower::Computed(Lowering::parametric)),
    ("Rsqrt", Lower::Computed(Lowering::function)),
    ("SimplifiedLayerNormalization", Lower::Computed(Lowering::layer_norm)),
    ("SkipLayerNormalization", Lower::Computed(Lowering::skip_norm)),
    ("SkipSimplifiedLayerNormalization", Lower::Computed(Lowering::skip_norm)),
];

/// Operators of the domain of models of tables. Sorted.
const TABULAR: &[(&str, Lower)] = &[
    ("ArrayFeatureExtractor", Lower::Moved(Lowering::extracted)),
    ("Binarizer", Lower::Moved(Lowering::binarizer)),
    ("FeatureVectorizer", Lower::Moved(Lowering::side_by_side)),
    ("Imputer", Lower::Moved(Lowering::imputer)),
    ("LabelEncoder", Lower::Moved(Lowering::label_encoder)),
    ("LinearClassifier", Lower::Moved(Lowering::linear_classifier)),
    ("LinearRegressor", Lower::Moved(Lowering::linear_regressor)),
    ("Normalizer", Lower::Moved(Lowering::normalizer)),
    ("OneHotEncoder", Lower::Moved(Lowering::one_hot_encoder)),
    ("SVMRegressor", Lower::Moved(Lowering::support_regressor)),
    ("Scaler", Lower::Moved(Lowering::scaler)),
    ("TreeEnsemble", Lower::Moved(Lowering::tree_ensemble)),
    ("TreeEnsembleClassifier", Lower::Moved(Lowering::tree_classifier)),
    ("TreeEnsembleRegressor", Lower::Moved(Lowering::tree_regressor)),
    ("ZipMap", Lower::Moved(Lowering::zip_map)),
];

/// What to do instead of an operator that is not supported.
const INSTEAD: &[(&str, &str)] = &[
    ("Bernoulli", "give the noise as an input"),
    ("Multinomial", "leave out the sampling: give the scores"),
    ("NonMaxSuppression", "choose outputs in front of the selection of boxes"),
    ("NonZero", "choose outputs in front of it: how many there are depends on the input"),
    ("RandomNormal", "give the noise as an input"),
    ("RandomNormalLike", "give the noise as an input, or the mean alone"),
    ("RandomUniform", "give the noise as an input"),
    ("RandomUniformLike", "give the noise as an input"),
    ("Scan", "unroll it to a fixed number of steps"),
    ("StringNormalizer", "prepare texts before the model"),
    ("TfIdfVectorizer", "count words before the model"),
    ("Unique", "choose outputs in front of it: how many there are depends on the input"),
    ("ai.onnx.ml.CategoryMapper", "encode texts as integers before the model"),
    ("ai.onnx.ml.DictVectorizer", "give the table itself as the input"),
    ("ai.onnx.ml.SVMClassifier", "use a linear model, a network or trees"),
    ("com.microsoft.DynamicQuantizeMatMul", "export the model before quantization"),
    ("com.microsoft.FusedConv", "export without runtime optimizations"),
    ("com.microsoft.QAttention", "export the model before quantization"),
];

/// What lowers an operator.
pub(super) fn find(domain: &str, op: &str) -> Option<Lower> {
    let own = ["", "ai.onnx"].contains(&domain);
    let table = match domain {
        _ if own => OWN,
        "com.microsoft" => FUSED,
        "ai.onnx.ml" => TABULAR,
        _ => return None,
    };
    let found = table
        .binary_search_by_key(&op, |(name, _)| name)
        .ok()
        .and_then(|at| table.get(at))
        .map(|(_, lower)| *lower);
    found.or_else(|| {
        Unary::of_operator(op).filter(|_| own).map(|_| Lower::Computed(Lowering::function))
    })
}

/// What is wrong with an operator that is folded and not lowered, where an operand is computed.
pub(super) fn only_on_constants(op: &str) -> String {
    let said = "only on constants; here an operand depends on an input";
    instead(op).map_or(said.into(), |instead| format!("{said}: {instead}"))
}

fn instead(op: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(name, _)| *name == op).map(|(_, instead)| *instead)
}

/// Refuses a graph with operators that are not supported, and names all of them.
pub(super) fn check<'n>(nodes: impl Iterator<Item = &'n NodeProto>) -> Result<(), Problem> {
    let mut missing: Vec<(String, String)> = vec![];
    for node in nodes {
        let own = ["", "ai.onnx"].contains(&node.domain.as_str());
        if find(&node.domain, &node.op_type).is_some() || own && fold::knows(&node.op_type) {
            continue;
        }
        let operator =
            if own { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
        if !missing.iter().any(|(_, other)| *other == operator) {
            missing.push((name_of(node), operator));
        }
    }
    let Some((node, first)) = missing.first().cloned() else { return Ok(()) };
    let described = missing.iter().map(|(_, operator)| {
        instead(operator).map_or(operator.clone(), |instead| format!("{operator} ({instead})"))
    });
    let all: Vec<String> = described.collect();
    if all.len() == 1 && all[0] == first {
        return Err(Problem::UnsupportedOperator { node, operator: first });
    }
    Err(Problem::UnsupportedOperators { node, operators: all })
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::*;
    use crate::onnx::file::NEWEST_OPSET;

    #[test]
    fn the_tables_are_sorted_and_without_duplicates() {
        assert!(OWN.is_sorted_by(|a, b| a.0 < b.0));
        assert!(FUSED.is_sorted_by(|a, b| a.0 < b.0));
        assert!(TABULAR.is_sorted_by(|a, b| a.0 < b.0));
        assert!(LIMITS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(LIMITS.iter().all(|(name, _)| find("", name).is_some()));
    }

    /// What becomes of texts and missing numbers.
    const TEXTS: &str = "A label that is a text is the place of its class; `ZipMap` leaves the \
        scores; `Imputer` of NaN changes nothing, since \
                         no input may be NaN.";

    /// The table of operators for people.
    fn document() -> String {
        let names = |table: &[(&str, Lower)]| {
            let names: Vec<String> = table.iter().map(|(name, _)| format!("`{name}`")).collect();
            names.join(", ")
        };
        let known = |name: &str| find("", name).is_some();
        let mut own: Vec<String> = OWN
            .iter()
            .map(|(name, _)| *name)
            .chain(Unary::operators())
            .map(|name| format!("`{name}`"))
            .collect();
        own.sort();
        own.dedup();
        let constant: Vec<String> = fold::names()
            .into_iter()
            .filter(|name| !known(name))
            .map(|name| format!("`{name}`"))
            .collect();
        let limits: Vec<String> =
            LIMITS.iter().map(|(name, limit)| format!("| `{name}` | {limit} |")).collect();
        let instead: Vec<String> =
            INSTEAD.iter().map(|(name, instead)| format!("| `{name}` | {instead} |")).collect();
        format!(
            "# ONNX operators\n\n\
             Written by a test from the importer's tables. Operator sets 1 to {NEWEST_OPSET}. \
             Every attribute, input and output is taken by name; a form \
             that is not supported is refused with its name.\n\n\
             ## Of inputs\n\n{}.\n\n\
             | operator | what is asked of it |\n|---|---|\n{}\n\n\
             ## Of inputs, domain `com.microsoft`\n\n{}.\n\n\
             ## Of inputs, domain `ai.onnx.ml`\n\n{}. {TEXTS}\n\n\
             ## Of constants only\n\n{}.\n\n\
             All of the first list that have a value on constants are folded too.\n\n\
             ## Not supported, with a way out\n\n| operator | instead |\n|---|---|\n{}\n",
            own.join(", "),
            limits.join("\n"),
            names(FUSED),
            names(TABULAR),
            constant.join(", "),
            instead.join("\n")
        )
    }

    #[test]
    fn the_documents_name_the_operators_that_are_known() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators.md");
        if std::env::var_os("LEMMA_WRITE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap();
        assert_eq!(found, document(), "run this test with LEMMA_WRITE_DOCS=1");
    }
}
