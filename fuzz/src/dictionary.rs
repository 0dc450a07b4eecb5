//! Words of the ONNX format.

use std::sync::LazyLock;

/// Operators, of which some are not supported.
pub static OPERATORS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "Abs Add And ArgMax ArgMin AveragePool BatchNormalization BiasGelu Cast CastLike Celu Clip \
        Concat Constant \
    ConstantOfShape Conv ConvTranspose Cosh CumSum DepthToSpace DequantizeLinear Div Dropout \
    DynamicQuantizeLinear Einsum \
    Elu Equal Erf Exp Expand EyeLike FastGelu Flatten Floor GRU Gather GatherElements GatherND \
    Gelu Gemm GlobalAveragePool \
    GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax Identity \
    If InstanceNormalization \
    IsNaN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization \
    MatMul MatMulInteger Max \
    MaxPool Mean Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow QLinearConv \
    QLinearMatMul QuantizeLinear QuickGelu \
    RMSNormalization RNN RandomNormalLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum \
    ReduceLogSumExp ReduceMax \
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Rsqrt Scan \
    ScatterND Selu Shape \
    Shrink Sigmoid SimplifiedLayerNormalization Sinh Size SkipLayerNormalization \
    SkipSimplifiedLayerNormalization Slice \
    Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tanh ThresholdedRelu \
    Tile TopK Transpose \
    TreeEnsembleClassifier TreeEnsembleRegressor Trilu Unsqueeze Upsample Where Xor"
        .split_whitespace()
        .collect()
});

/// Names and texts of attributes.
pub static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "axis axes perm to alpha beta gamma epsilon kernel_shape strides pads dilations group auto_pad \
        SAME_UPPER VALID keepdims \
    noop_with_empty_axes mode nearest linear cubic reflect edge wrap allowzero largest sorted \
    batch_dims equation ij,jk->ik \
    ...i,...i->... approximate tanh value start end ceil_mode com.microsoft"
        .split_whitespace()
        .collect()
});
