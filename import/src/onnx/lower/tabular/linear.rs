//! Linear models: a dense layer, and what scores become behind it.

use ndarray::{Array1, Array2};

use super::scores::{Labels, Transform};
use super::{Args, Kind, Lowering, Node, Problem, Results};
use lemma_model::{NodeId, Op, Unary};

impl Lowering {
    /// `LinearClassifier`: `y = x W' + b`, the label of the largest score, and the scores
    /// transformed. One row of coefficients for two classes scores the second one.
    pub(in crate::onnx::lower) fn linear_classifier(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        node.gives(2)?;
        node.attributes.ignore("multi_class");
        let transform = Transform::of(node)?;
        let labels = Labels::taken(node, "classlabels_ints")?;
        let intercepts = node.attributes.floats("intercepts")?.unwrap_or_default();
        let rows = intercepts.len();
        if rows != labels.len() && (rows, labels.len()) != (1, 2) {
            return Err(node.problem(format!("{rows} intercepts for {} classes", labels.len())));
        }
        let (weight, bias) = self.coefficients(node, args, rows, Some(intercepts))?;
        let opposite = rows == 2 && is_opposite(&weight, &bias);
        if transform == Transform::Logistic && (rows == 1 || opposite) {
            // One logistic function makes both scores.
            let column = |matrix: Array2<f32>| matrix.slice_move(ndarray::s![.., rows - 1..]);
            let score = self.dense(
                node,
                args,
                "score",
                column(weight),
                bias.slice_move(ndarray::s![rows - 1..]),
            )?;
            let scores = self.two_signs(node, score)?;
            let label = self.label(node, scores, &labels)?;
            let positive =
                self.push(&format!("{}.positive", node.name), Op::Unary(Unary::Sigmoid), &[score])?;
            let probabilities = self.with_complement(node, positive)?;
            self.name_scores(probabilities, &labels);
            return Ok(vec![Some(label), Some(self.computed(Kind::F32, probabilities))]);
        }
        let mut scores = self.dense(node, args, "scores", weight, bias)?;
        if rows == 1 {
            if transform != Transform::None {
                return Err(node.problem(
                    "one row of coefficients behind a softmax; use two rows, or LOGISTIC",
                ));
            }
            let signs = self.two_signs(node, scores)?;
            let label = self.label(node, signs, &labels)?;
            scores = self.with_complement(node, scores)?;
            self.name_scores(scores, &labels);
            return Ok(vec![Some(label), Some(self.computed(Kind::F32, scores))]);
        }
        let label = self.label(node, scores, &labels)?;
        let scores = self.transformed(node, scores, transform)?;
        self.name_scores(scores, &labels);
        Ok(vec![Some(label), Some(self.computed(Kind::F32, scores))])
    }

    /// `LinearRegressor`.
    pub(in crate::onnx::lower) fn linear_regressor(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        let transform = Transform::of(node)?;
        let targets = node.attributes.int("targets")?.unwrap_or(1);
        let targets = usize::try_from(targets).ok().filter(|targets| *targets > 0);
        let targets = targets.ok_or_else(|| node.problem("attribute `targets` is not positive"))?;
        if targets == 1 && transform != Transform::None {
            return Err(node.problem(
                "a transform of one target, which runtimes leave out; write it \
                as a node of its own",
            ));
        }
        let intercepts =
            node.attributes.floats("intercepts")?.filter(|intercepts| !intercepts.is_empty());
        let (weight, bias) = self.coefficients(node, args, targets, intercepts)?;
        let scores = self.dense(node, args, "scores", weight, bias)?;
        let scores = self.transformed(node, scores, transform)?;
        Ok(vec![Some(self.computed(Kind::F32, scores))])
    }

    /// The matrix `[features, rows]` and the offsets of a linear model over the operand's columns.
    fn coefficients(
        &self,
        node: &mut Node,
        args: &Args,
        rows: usize,
        intercepts: Option<Vec<f32>>,
    ) -> Result<(Array2<f32>, Array1<f32>), Problem> {
        let coefficients = node.attributes.floats("coefficients")?.unwrap_or_default();
        let intercepts = intercepts.unwrap_or_else(|| vec![0.0; rows]);
        let columns = self.table(node, args, 0)?;
        if rows == 0
            || intercepts.len() != rows
            || Some(coefficients.len()) != rows.checked_mul(columns)
        {
            return Err(node.problem(format!(
                "{} coefficients and {} intercepts for {columns} columns and {rows} rows",
                coefficients.len(),
                intercepts.len()
            )));
        }
        super::finite(node, "coefficients", &coefficients)?;
        super::finite(node, "intercepts", &intercepts)?;
        let misfit = |error: ndarray::ShapeError| node.problem(error.to_string());
        let weight = Array2::from_shape_vec((rows, columns), coefficients).map_err(misfit)?;
        Ok((weight.reversed_axes().as_standard_layout().into_owned(), intercepts.into()))
    }

    fn dense(
        &mut self,
        node: &Node,
        args: &Args,
        what: &str,
        weight: Array2<f32>,
        bias: Array1<f32>,
    ) -> Result<NodeId, Problem> {
        let x = self.operand(node, args, 0)?;
        self.push(&format!("{}.{what}", node.name), Op::Dense { weight, bias: Some(bias) }, &[x])
    }
}

/// Whether the second row is the first one's negative.
fn is_opposite(weight: &Array2<f32>, bias: &Array1<f32>) -> bool {
    weight.rows().into_iter().chain([bias.view()]).all(|pair| pair[0] == -pair[1])
}
