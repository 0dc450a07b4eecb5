//! The float model: what importers produce, what calibration runs, what the integer graph is
//! measured against.
//!
//! All shapes are static. The batch dimension, where the source has one, stays in the shapes with
//! size 1.

mod arrange;
mod build;
mod commute;
mod composition;
pub mod file;
mod float;
mod gains;
mod input;
mod mask;
mod norm;
mod shape;
mod simplify;
mod trees;
mod unary;
mod window;

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4, ArrayD};
use serde::{Deserialize, Serialize};

pub use composition::{Composition, MAX_STEPS, Step};
pub use float::{ExecuteError, MAX_LIVE_ELEMENTS};
pub use input::{InputKind, InputPort};
pub use mask::{AdditiveMask, HIDING, MaskUse, is_hiding};
pub use norm::{Norm, NormForm};
pub use shape::{MAX_ELEMENTS, MAX_RANK, ShapeError, broadcast, volume};
pub use simplify::{Channels, scale_operand};
pub use trees::{Branch, Split, Trees};
pub use unary::{Bits, Unary};

/// Index of a node in its [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// A float model: nodes in topological order.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Nodes; the inputs of each come before it.
    pub nodes: Vec<Node>,
    /// The input nodes, in the order of the source file.
    pub inputs: Vec<NodeId>,
    /// The outputs with their names in the source file.
    pub outputs: Vec<(String, NodeId)>,
    /// Names of the classes among which the first output chooses, where the source file has them.
    pub classes: Vec<String>,
}

/// One operation and the shape of its result.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name of the source node; unique in its model.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<NodeId>,
    /// Shape of the result.
    pub shape: Vec<usize>,
}

/// A two-dimensional sliding window over `[n, channels, height, width]`; one-dimensional windows
/// have height 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance of kernel elements.
    pub dilation: [usize; 2],
    /// Padding before the first row and column.
    pub before: [usize; 2],
    /// Padding after the last row and column.
    pub after: [usize; 2],
}

/// An operation of the float model.
#[derive(Clone, Debug)]
pub enum Op {
    /// A model input of real numbers.
    Input,
    /// A model input of token ids in `0..vocabulary`; with a vocabulary of two also of flags, as
    /// masks have them.
    Tokens {
        /// Number of ids.
        vocabulary: usize,
    },
    /// A constant.
    Constant(ArrayD<f32>),
    /// `x[.., k] · weight[k, n] + bias[n]`.
    Dense {
        /// `[k, n]`.
        weight: Array2<f32>,
        /// `[n]`.
        bias: Option<Array1<f32>>,
    },
    /// Cross-correlation over `[1, c, h, w]`, zero padding.
    Conv {
        /// `[out channels, in channels / groups, kernel height, kernel width]`.
        weight: Array4<f32>,
        /// `[out channels]`.
        bias: Option<Array1<f32>>,
        /// The window.
        window: Window,
        /// Channel groups; depthwise when equal to the number of channels.
        groups: usize,
    },
    /// Average over a window; the divisor counts padding when `count_padding`.
    AveragePool {
        /// The window.
        window: Window,
        /// Whether the divisor is the kernel size everywhere.
        count_padding: bool,
    },
    /// Maximum over a window; padding never wins.
    MaxPool {
        /// The window.
        window: Window,
    },
    /// Sum with numpy broadcasting.
    Add,
    /// Difference with numpy broadcasting.
    Sub,
    /// Elementwise product with numpy broadcasting.
    Mul,
    /// Product of two computed matrices `[.., m, k] · [.., k, n]`, leading dimensions broadcast.
    MatMul,
    /// A function of each element.
    Unary(Unary),
    /// A composition of functions of each element.
    Composed(Arc<Composition>),
    /// `x` where positive, `slope * x` elsewhere; `slope` broadcasts to the shape of `x`.
    PRelu {
        /// Slopes.
        slope: ArrayD<f32>,
    },
    /// Softmax over the last axis.
    Softmax,
    /// Logarithm of the softmax over the last axis: `x - ln(sum exp x)`.
    LogSoftmax,
    /// `[scores, hidden]`: scores that the softmax behind it sees where `hidden` is 0 and not where
    /// it is 1; nothing else reads the result.
    Mask,
    /// Index of the largest element of the last axis, the lowest on ties; the axis is dropped.
    ArgMax,
    /// Indices of the `count` largest elements of the last axis, the larger first, the lower index
    /// first on ties: `[.., n] -> [.., count]`.
    Top {
        /// Number of elements.
        count: usize,
    },
    /// Rows of the last axis, normalized.
    Norm(Norm),
    /// For each leaf of an ensemble 1 where the row `[.., columns]` comes to it, 0 elsewhere:
    /// `[.., leaves]`.
    Trees(Arc<Trees>),
    /// Sum over `axes`, kept with size 1.
    Sum {
        /// Axes, ascending.
        axes: Vec<usize>,
    },
    /// Mean over `axes`, kept with size 1.
    Mean {
        /// Axes, ascending.
        axes: Vec<usize>,
    },
    /// Rows of a constant table chosen by token ids: `[..] -> [.., width]`.
    Embedding {
        /// `[vocabulary, width]`.
        table: Array2<f32>,
    },
    /// Elements moved, repeated, dropped or padded; never computed.
    View(View),
}

/// A rearrangement of elements.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Same elements in row-major order; the node's shape is the new one.
    Reshape,
    /// Axis `i` of the result is axis `permutation[i]` of the operand.
    Transpose(Vec<usize>),
    /// Numpy broadcasting to the node's shape.
    Broadcast,
    /// `start, start + step, ..` of `axis`, as many as the node's shape says.
    Slice {
        /// The axis.
        axis: usize,
        /// First index.
        start: usize,
        /// Step; may be negative.
        step: isize,
    },
    /// Operands one after the other along an axis.
    Concat(usize),
    /// Constant rows of an axis in a given order.
    Select {
        /// The axis.
        axis: usize,
        /// Indices into the axis.
        indices: Vec<usize>,
    },
    /// A constant around the operand: `(before, after)` per axis.
    Pad {
        /// Per axis.
        amounts: Vec<(usize, usize)>,
        /// The constant.
        value: f32,
    },
}
