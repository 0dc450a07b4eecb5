//! Support vectors, and columns on one side of a threshold.

use ndarray::{Array1, Array2, ArrayD, IxDyn};

use super::super::Value;
use super::super::comparison::Relation;
use super::super::{Tensor, Values};
use super::scores::Transform;
use super::{Args, Kind, Lowering, Node, Problem, Results};
use lemma_model::{NodeId, Op, Unary, View};

/// Largest power of a polynomial kernel.
const LARGEST_DEGREE: f32 = 8.0;

impl Lowering {
    /// `Binarizer`: 1 where a number is above the threshold, 0 elsewhere.
    pub(in crate::onnx::lower) fn binarizer(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let threshold = node.attributes.float("threshold")?.unwrap_or(0.0);
        let x = args.get(0).cloned().ok_or_else(|| node.problem("input 0 is missing"))?;
        let id = self.above(node, x, threshold)?;
        Ok(vec![Some(self.computed(Kind::F32, id))])
    }

    /// Flags of what is above a threshold.
    fn above(&mut self, node: &Node, x: Value, threshold: f32) -> Result<NodeId, Problem> {
        let threshold = ArrayD::from_elem(IxDyn(&[1]), threshold).into_shared();
        let mut both = Args::default();
        both.push(Some(x));
        both.push(Some(Value::Constant(Tensor::new(Kind::F32, Values::F32(threshold)))));
        self.step(node, &both, Relation::Greater)
    }

    /// `SVMRegressor`: `sum_i c_i k(x, v_i) + rho`, or `c x + rho` without support vectors; of a
    /// class of its own the sign.
    pub(in crate::onnx::lower) fn support_regressor(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        if Transform::of(node)? != Transform::None {
            return Err(node.problem("a transform; write it as a node of its own"));
        }
        let columns = self.table(node, args, 0)?;
        let mut floats = |name: &str| -> Result<Vec<f32>, Problem> {
            let values = node.attributes.floats(name)?.unwrap_or_default();
            super::finite(node, name, &values)?;
            Ok(values)
        };
        let (coefficients, vectors) = (floats("coefficients")?, floats("support_vectors")?);
        let (rho, params) = (floats("rho")?, floats("kernel_params")?);
        let count = node.attributes.int("n_supports")?.unwrap_or(0);
        let count = usize::try_from(count).map_err(|_| node.problem("`n_supports` is negative"))?;
        let one_class = node.attributes.flag("one_class")?.unwrap_or(false);
        let kernel = node.attributes.string("kernel_type")?.unwrap_or("LINEAR".into());
        let lengths =
            if count == 0 { (columns, 0) } else { (count, count.saturating_mul(columns)) };
        if (coefficients.len(), vectors.len()) != lengths || rho.len() != 1 {
            return Err(node.problem(format!(
                "{} coefficients, {} numbers of support vectors and {} offsets for {columns} columns \
                    and {count} support vectors",
                coefficients.len(),
                vectors.len(),
                rho.len()
            )));
        }
        let x = self.operand(node, args, 0)?;
        let similar = match count {
            0 if kernel == "LINEAR" => x,
            0 => return Err(node.problem(format!("the kernel {kernel} without support vectors"))),
            _ => {
                let vectors = Array2::from_shape_vec((count, columns), vectors)
                    .map_err(|error| node.problem(error.to_string()))?;
                self.kernel(node, x, &vectors, &kernel, &params)?
            }
        };
        let weight = Array1::from(coefficients).insert_axis(ndarray::Axis(1));
        let dense = Op::Dense { weight, bias: Some(Array1::from(rho)) };
        let mut score = self.push(&format!("{}.score", node.name), dense, &[similar])?;
        if one_class {
            // 1 above zero, -1 elsewhere.
            let inside = self.above(node, self.computed(Kind::F32, score), 0.0)?;
            let twice = self.scaled(&format!("{}.twice", node.name), inside, 2.0)?;
            let one = self.number(&format!("{}.one", node.name), 1.0, twice)?;
            score = self.push(&format!("{}.side", node.name), Op::Sub, &[twice, one])?;
        }
        Ok(vec![Some(self.computed(Kind::F32, score))])
    }

    /// `k(x, v_i)` for each support vector: `[1, vectors]`.
    fn kernel(
        &mut self,
        node: &Node,
        x: NodeId,
        vectors: &Array2<f32>,
        kernel: &str,
        params: &[f32],
    ) -> Result<NodeId, Problem> {
        let name = |part: &str| format!("{}.{part}", node.name);
        let param = |at: usize| params.get(at).copied().unwrap_or(0.0);
        let (gamma, offset, degree) = (param(0), param(1), param(2));
        let columns = vectors.t().as_standard_layout().into_owned();
        let count = vectors.nrows();
        let product = |lowering: &mut Self, factor: f32, offset: f32| {
            let bias = Some(Array1::from_elem(count, offset));
            lowering.push(&name("products"), Op::Dense { weight: &columns * factor, bias }, &[x])
        };
        match kernel {
            "LINEAR" => product(self, 1.0, 0.0),
            "SIGMOID" => {
                let products = product(self, gamma, offset)?;
                self.push(&name("kernel"), Op::Unary(Unary::Tanh), &[products])
            }
            "POLY" if degree.fract() == 0.0 && (1.0..=LARGEST_DEGREE).contains(&degree) => {
                let base = product(self, gamma, offset)?;
                let mut power = base;
                for _ in 1..degree as usize {
                    power = self.push(&name("power"), Op::Mul, &[power, base])?;
                }
                Ok(power)
            }
            // |x - v|^2 = |x|^2 - 2 x v + |v|^2, all of it one dense layer over x and |x|^2.
            "RBF" => {
                let squares = self.push(&name("squares"), Op::Mul, &[x, x])?;
                let square = self.push(&name("square"), Op::Sum { axes: vec![1] }, &[squares])?;
                let both = self.push(&name("both"), Op::View(View::Concat(1)), &[x, square])?;
                let mut weight = Array2::from_elem((columns.nrows() + 1, count), -gamma);
                weight.slice_mut(ndarray::s![..columns.nrows(), ..]).assign(&(&columns * (2.0 * gamma)));
                let lengths = vectors.map_axis(ndarray::Axis(1), |v| -gamma * v.dot(&v));
                let dense = Op::Dense { weight, bias: Some(lengths) };
                let distances = self.push(&name("distances"), dense, &[both])?;
                self.push(&name("kernel"), Op::Unary(Unary::Exp), &[distances])
            }
            other => Err(node.problem(format!(
                "kernel {other} with the parameters {params:?}; LINEAR, RBF, SIGMOID and POLY of whole \
                    degrees up to {LARGEST_DEGREE} are supported"
            ))),
        }
    }
}
