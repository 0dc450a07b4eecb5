//! Pooling: averages, maxima and norms, over windows and over whole images.
//!
//! A primitive pools two axes. More axes are pooled two by two from the last on, which is the same
//! for a maximum, and for a sum too; samples of a batch are as many channels.

use ndarray::{ArrayD, IxDyn};

use super::value::{Args, Value};
use super::window::{Slide, Spoken, planar, spatial_of};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Unary, Window};

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
        let slides = spoken.over(node, &extents, ceil)?;
        let x = self.operand(node, args, 0)?;
        let id = self.pooled(node, x, &slides, |window| Op::MaxPool { window })?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    pub(super) fn average_pool(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let extents = spatial_of(node, args)?;
        let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
        let count_padding = node.attributes.flag("count_include_pad")?.unwrap_or(false);
        let spoken = Spoken::take(node, extents.len(), None)?;
        let slides = spoken.over(node, &extents, ceil)?;
        let x = self.operand(node, args, 0)?;
        let beyond = count_padding && slides.iter().any(Slide::overhangs);
        let id = if beyond {
            // What lies beyond the padding is not counted.
            let sums = self.window_sums(node, x, &slides)?;
            let shape: Vec<usize> = slides.iter().map(Slide::positions).collect();
            let counted = |at: IxDyn| {
                let places = slides.iter().enumerate();
                let counts = places.map(|(axis, slide)| slide.covered(at[axis], true));
                1.0 / counts.product::<usize>().max(1) as f32
            };
            let shares = ArrayD::from_shape_fn(IxDyn(&shape), counted);
            let shares = self.constant(&format!("{}.shares", node.name), shares)?;
            self.push(&node.name, Op::Mul, &[sums, shares])?
        } else {
            self.pooled(node, x, &slides, |window| Op::AveragePool { window, count_padding })?
        };
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// The `p`-norm of a window's elements.
    pub(super) fn norm_pool(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let extents = spatial_of(node, args)?;
        let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
        let power = self.norm_power(node)?;
        let spoken = Spoken::take(node, extents.len(), None)?;
        let slides = spoken.over(node, &extents, ceil)?;
        let x = self.operand(node, args, 0)?;
        let powers = self.powers(node, x, power)?;
        let sums = self.window_sums(node, powers, &slides)?;
        let id = self.root(node, sums, power)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    pub(super) fn global_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let axes: Vec<usize> = (2..2 + spatial_of(node, args)?.len()).collect();
        let power = self.norm_power(node)?;
        let x = self.operand(node, args, 0)?;
        let mut sums = self.powers(node, x, power)?;
        if !axes.is_empty() {
            sums = self.push(&format!("{}.sums", node.name), Op::Sum { axes }, &[sums])?;
        }
        let id = self.root(node, sums, power)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    fn norm_power(&mut self, node: &mut Node) -> Result<i64, Problem> {
        let power = match node.opset < 2 {
            true => node.attributes.float("p")?.map(|power| power as i64),
            false => node.attributes.int("p")?,
        };
        match power.unwrap_or(2) {
            power @ (1 | 2) => Ok(power),
            other => Err(node.problem(format!("attribute `p` is {other}; 1 and 2 are supported"))),
        }
    }

    /// `|x|^power`.
    fn powers(&mut self, node: &Node, x: NodeId, power: i64) -> Result<NodeId, Problem> {
        let function = if power == 1 { Unary::Abs } else { Unary::Square };
        self.push(&format!("{}.powers", node.name), Op::Unary(function), &[x])
    }

    fn root(&mut self, node: &Node, x: NodeId, power: i64) -> Result<NodeId, Problem> {
        if power == 1 { Ok(x) } else { self.push(&node.name, Op::Unary(Unary::Sqrt), &[x]) }
    }

    /// Sums over windows: averages that count everything, times the number of elements.
    fn window_sums(&mut self, node: &Node, x: NodeId, slides: &[Slide]) -> Result<NodeId, Problem> {
        let area: usize = slides.iter().map(|slide| slide.kernel).product();
        let means =
            self.pooled(node, x, slides, |window| Op::AveragePool { window, count_padding: true })?;
        self.scaled(&format!("{}.sums", node.name), means, area as f32)
    }

    /// A pooling of `[batch, channels, spatial..]`, two axes at a time.
    fn pooled(
        &mut self,
        node: &Node,
        x: NodeId,
        slides: &[Slide],
        pool: impl Fn(Window) -> Op,
    ) -> Result<NodeId, Problem> {
        let mut x = x;
        for (end, pair) in (1..=slides.len()).rev().step_by(2).zip(slides.rchunks(2)) {
            x = self.pooled_pair(node, x, end + 2 - pair.len(), pair, &pool)?;
        }
        Ok(x)
    }

    /// A pooling of the one or two axes from `axis` on.
    fn pooled_pair(
        &mut self,
        node: &Node,
        x: NodeId,
        axis: usize,
        pair: &[Slide],
        pool: impl Fn(Window) -> Op,
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        let others = (0..shape.len()).filter(|at| !(axis..axis + pair.len()).contains(at));
        let order: Vec<usize> = others.chain(axis..axis + pair.len()).collect();
        let moved = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let ordered = self.shape_of(moved).to_vec();
        let (lead, last) = ordered.split_at(ordered.len() - pair.len());
        let channels = lead.iter().product();
        let image = match *last {
            [width] => [1, channels, 1, width],
            _ => [1, channels, last[0], last[1]],
        };
        let image = self.reshaped(&format!("{}.image", node.name), moved, &image)?;
        let pooled = self.push(&node.name, pool(planar(pair)), &[image])?;
        let result = self.shape_of(pooled)[4 - pair.len()..].to_vec();
        let split = [lead, &result].concat();
        let split = self.reshaped(&format!("{}.line", node.name), pooled, &split)?;
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &from)| back[from] = at);
        self.transposed(&format!("{}.back", node.name), split, &back)
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
        let x = self.push(name, Op::MaxPool { window }, &[x])?;
        self.reshaped(&format!("{name}.keep"), x, &result)
    }
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
