//! Pooling: averages, maxima, and both over whole images.

use super::value::{Args, Value};
use super::window::{Geometry, Spoken, spatial_of};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Window};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    pub(super) fn max_pool(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.gives(1)?;
        let extents = spatial_of(node, args)?;
        let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
        // The order of indices that nobody reads.
        node.attributes.int("storage_order")?;
        let spoken = Spoken::take(node, extents.len(), None)?;
        let geometry = spoken.over(node, &extents, ceil)?;
        let window = geometry.window.clone();
        self.windowed(node, args, &geometry, Op::MaxPool { window })
    }

    pub(super) fn average_pool(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let extents = spatial_of(node, args)?;
        let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
        let count_padding = node.attributes.flag("count_include_pad")?.unwrap_or(false);
        let spoken = Spoken::take(node, extents.len(), None)?;
        let geometry = spoken.over(node, &extents, ceil)?;
        if count_padding && geometry.overhangs {
            return Err(node.problem("ceil_mode together with count_include_pad is not supported"));
        }
        let window = geometry.window.clone();
        self.windowed(node, args, &geometry, Op::AveragePool { window, count_padding })
    }

    pub(super) fn global_average(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let spatial = spatial_of(node, args)?.len();
        let axes: Vec<usize> = (2..2 + spatial).collect();
        self.of_operand(node, args, |lowering, name, x| {
            if axes.is_empty() {
                Ok(x)
            } else {
                lowering.push(name, Op::Mean { axes: axes.clone() }, &[x])
            }
        })
    }

    pub(super) fn global_max(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let spatial = spatial_of(node, args)?.len();
        let axes: Vec<usize> = (2..2 + spatial).collect();
        let x = self.operand(node, args, 0)?;
        let id = self.largest(&node.name, x, &axes)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// The largest element over `axes`, which stay with size 1.
    pub(super) fn largest(
        &mut self,
        name: &str,
        x: NodeId,
        axes: &[usize],
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
        let rows: usize = kept.iter().map(|&axis| shape[axis]).product();
        let width: usize = axes.iter().map(|&axis| shape[axis]).product();
        let result: Vec<usize> = (0..shape.len())
            .map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] })
            .collect();
        if width == 1 {
            return Ok(x);
        }
        let x = self.transposed(&format!("{name}.order"), x, &order)?;
        let x = self.reshaped(&format!("{name}.rows"), x, &[1, rows, 1, width])?;
        let window = Window {
            kernel: [1, width],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
            after: [0, 0],
        };
        let geometry = Geometry { spatial: 2, window, overhangs: false };
        let x = self.push(name, Op::MaxPool { window: geometry.window }, &[x])?;
        self.reshaped(&format!("{name}.keep"), x, &result)
    }
}
