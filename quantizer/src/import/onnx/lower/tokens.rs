//! Which integer inputs are token ids, and of which vocabulary.

use tract_onnx::prelude::{OutletId, TypedModel};
use tract_onnx::tract_core::ops::array::{Gather, GatherNd, MultiBroadcastTo, Slice, Tile, TypedConcat};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::{AxisOp, IntoShape};
use tract_onnx::tract_core::ops::identity::Identity;

/// Rows of the smallest constant table that `outlet`, possibly rearranged, chooses rows of; `None` when it chooses none.
pub(super) fn vocabulary(typed: &TypedModel, outlet: OutletId) -> Option<usize> {
    let mut smallest: Option<usize> = None;
    let mut waiting = vec![outlet];
    while let Some(outlet) = waiting.pop() {
        for reader in typed.outlet_successors(outlet) {
            let node = typed.node(reader.node);
            match node.op_as::<Gather>() {
                Some(gather) if reader.slot == 1 => {
                    let table = &typed.outlet_fact(node.inputs[0]).ok()?.shape;
                    let rows = table.as_concrete().and_then(|shape| shape.get(gather.axis)).copied();
                    smallest = smallest.into_iter().chain(rows).min();
                }
                _ if is_rearrangement(typed, reader.node) => waiting.push(OutletId::new(reader.node, 0)),
                _ => {}
            }
        }
    }
    smallest
}

/// Whether a node moves or repeats elements of its first operand and changes none.
pub(super) fn is_rearrangement(typed: &TypedModel, node: usize) -> bool {
    let node = typed.node(node);
    node.op_is::<Cast>()
        || node.op_is::<AxisOp>()
        || node.op_is::<Slice>()
        || node.op_is::<TypedConcat>()
        || node.op_is::<MultiBroadcastTo>()
        || node.op_is::<Tile>()
        || node.op_is::<Gather>()
        || node.op_is::<GatherNd>()
        || node.op_is::<Identity>()
        || node.op_is::<IntoShape>()
}
