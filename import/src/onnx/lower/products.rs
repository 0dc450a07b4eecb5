//! Products along axes: `ReduceProd` and `CumProd`.

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, axis_of};
use lemma_model::{NodeId, Op, View};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// The product over `axes`, which stay with size 1: of halves, then of their halves.
    pub(super) fn product_over(
        &mut self,
        name: &str,
        x: NodeId,
        axes: &[usize],
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
        let rows: usize = kept.iter().map(|&axis| shape[axis]).product();
        let mut width: usize = axes.iter().map(|&axis| shape[axis]).product();
        let x = self.transposed(&format!("{name}.order"), x, &order)?;
        let mut x = self.reshaped(&format!("{name}.rows"), x, &[rows, width])?;
        while width > 1 {
            let half = width / 2;
            let mut parts = vec![];
            for (start, count) in [(0, half), (half, half), (2 * half, width % 2)] {
                if count > 0 {
                    parts.push(self.part(&format!("{name}.part"), x, 1, start, count)?);
                }
            }
            let product = self.push(name, Op::Mul, &parts[..2])?;
            x = match parts.get(2) {
                Some(&rest) => {
                    let joined = [product, rest];
                    self.push(&format!("{name}.joined"), Op::View(View::Concat(1)), &joined)?
                }
                None => product,
            };
            width = half + width % 2;
        }
        let result: Vec<usize> = (0..shape.len())
            .map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] })
            .collect();
        self.reshaped(&format!("{name}.keep"), x, &result)
    }

    /// Products along an axis up to each element.
    pub(super) fn running_product(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let exclusive = node.attributes.flag("exclusive")?.unwrap_or(false);
        let reverse = node.attributes.flag("reverse")?.unwrap_or(false);
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let axis = self
            .known(node, args, 1, "axis")?
            .as_int()
            .ok_or_else(|| node.problem("the axis is not one integer"))?;
        let axis = axis_of(node, axis, shape.len())?;
        let mut places: Vec<usize> = (0..shape[axis]).collect();
        if reverse {
            places.reverse();
        }
        let mut product = None;
        let mut parts = vec![];
        for place in places {
            let factor = self.part(&format!("{}.part", node.name), x, axis, place, 1)?;
            let next = match product {
                Some(before) => self.push(&node.name, Op::Mul, &[before, factor])?,
                None => factor,
            };
            parts.push(match (exclusive, product) {
                (false, _) => next,
                (true, Some(before)) => before,
                (true, None) => {
                    let shape = self.shape_of(factor).to_vec();
                    self.constant(&format!("{}.one", node.name), ndarray::ArrayD::ones(shape))?
                }
            });
            product = Some(next);
        }
        if reverse {
            parts.reverse();
        }
        let id = self.push(&format!("{}.all", node.name), Op::View(View::Concat(axis)), &parts)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }
}
