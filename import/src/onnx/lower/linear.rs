//! Products of matrices: `MatMul`, `Gemm` and `Einsum`.

use ndarray::{Array1, ArrayD, Ix2};

use super::contraction::{Matter, Operand};
use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, uniform};
use lemma_model::{NodeId, Op};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// Products of matrices, batches and vectors, as numpy has them.
    pub(super) fn matmul(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let (a, b) = (self.matter_of(node, args, 0)?, self.matter_of(node, args, 1)?);
        let ranks =
            [args.get(0), args.get(1)].map(|value| value.map_or(0, |value| value.shape().len()));
        if ranks.contains(&0) {
            return Err(node.problem("an operand has no axes"));
        }
        let depths = [(0, 1), (1, 2)].map(|(at, from_end)| {
            let shape = args.get(at).map(Value::shape).unwrap_or_default();
            shape[shape.len() - from_end.min(shape.len())]
        });
        if depths[0] != depths[1] {
            return Err(
                node.problem(format!("axes of {} and {} do not match", depths[0], depths[1]))
            );
        }
        // Batch axes are counted from the end; the last ones are rows, summed and columns.
        let batch = |rank: usize| -> Vec<char> {
            (0..rank.saturating_sub(2)).rev().map(|at| (b'a' + at as u8) as char).collect()
        };
        let left: Vec<char> =
            batch(ranks[0]).into_iter().chain((ranks[0] > 1).then_some('x')).chain(['k']).collect();
        let right: Vec<char> =
            batch(ranks[1]).into_iter().chain(['k']).chain((ranks[1] > 1).then_some('y')).collect();
        let longest = ranks[0].max(ranks[1]);
        let result = batch(longest)
            .into_iter()
            .chain((ranks[0] > 1).then_some('x'))
            .chain((ranks[1] > 1).then_some('y'));
        let result: Vec<char> = result.collect();
        let operands =
            vec![Operand { value: a, letters: left }, Operand { value: b, letters: right }];
        let id = self.contraction(node, operands, &result)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// `alpha * A * B + beta * C`, A and B transposed where asked for.
    pub(super) fn gemm(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(if node.opset < 11 { 3 } else { 2 }, 3)?;
        let (alpha, beta) = (
            node.attributes.float("alpha")?.unwrap_or(1.0),
            node.attributes.float("beta")?.unwrap_or(1.0),
        );
        let turned = [node.attributes.flag("transA")?, node.attributes.flag("transB")?]
            .map(|flag| flag == Some(true));
        let allowed = node.opset >= 7 || node.attributes.flag("broadcast")?.unwrap_or(false);
        let kind = kind_of(args);
        if !kind.is_float() && (alpha.fract() != 0.0 || beta.fract() != 0.0) {
            return Err(node.problem("integers times a fraction"));
        }
        let shapes =
            [args.get(0), args.get(1)].map(|value| value.map(Value::shape).unwrap_or_default());
        if shapes.iter().any(|shape| shape.len() != 2) {
            return Err(node.problem("its operands are no matrices"));
        }
        let rows = shapes[0][usize::from(turned[0])];
        let columns = shapes[1][1 - usize::from(turned[1])];
        let (left, right) =
            (shapes[0][1 - usize::from(turned[0])], shapes[1][usize::from(turned[1])]);
        if left != right {
            return Err(node.problem(format!("axes of {left} and {right} do not match")));
        }
        let addend = node.has(2) && beta != 0.0;
        let bias = match args.tensor(2) {
            Some(_) if addend => {
                Some(self.weights(node, args, 2, "bias")?.mapv(|value| beta * value))
            }
            _ => None,
        };
        if let Some(shape) = args.get(2).map(Value::shape).filter(|_| node.has(2)) {
            if lemma_model::broadcast(shape, &[rows, columns]) != Some(vec![rows, columns]) {
                return Err(node
                    .problem(format!("a bias of {shape:?} for a result of [{rows}, {columns}]")));
            }
            if !allowed && shape != [rows, columns] {
                return Err(node.problem(
                    "its bias has another shape than the result, and attribute \
                    `broadcast` is not set",
                ));
            }
        }
        let dense_bias = bias.as_ref().and_then(|bias| row(bias, columns));
        let id = match (args.get(0), args.tensor(1)) {
            (Some(Value::Computed(_)), Some(_)) if alpha != 0.0 => {
                let weight = self.weights(node, args, 1, "weight")?;
                let weight = weight
                    .into_dimensionality::<Ix2>()
                    .map_err(|error| node.problem(error.to_string()))?;
                let weight =
                    if turned[1] { weight.t().as_standard_layout().into_owned() } else { weight };
                let mut x = self.operand(node, args, 0)?;
                if turned[0] {
                    x = self.transposed(&format!("{}.turned", node.name), x, &[1, 0])?;
                }
                self.push(
                    &node.name,
                    Op::Dense {
                        weight: weight.mapv(|value| alpha * value),
                        bias: dense_bias.clone(),
                    },
                    &[x],
                )?
            }
            _ => {
                let letters = |turned: bool, plain: [char; 2]| {
                    if turned { vec![plain[1], plain[0]] } else { plain.to_vec() }
                };
                let a = Operand {
                    value: self.matter_of(node, args, 0)?,
                    letters: letters(turned[0], ['x', 'k']),
                };
                let b = Operand {
                    value: self.matter_of(node, args, 1)?,
                    letters: letters(turned[1], ['k', 'y']),
                };
                let product = self.contraction(node, vec![a, b], &['x', 'y'])?;
                let product = if alpha == 1.0 {
                    product
                } else {
                    self.scaled(&format!("{}.scaled", node.name), product, alpha)?
                };
                return self.gemm_sum(node, args, product, bias, addend, beta, kind);
            }
        };
        if dense_bias.is_some() || !addend {
            return Ok(vec![Some(self.computed(kind, id))]);
        }
        self.gemm_sum(node, args, id, bias, addend, beta, kind)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one formula")]
    fn gemm_sum(
        &mut self,
        node: &Node,
        args: &Args,
        product: NodeId,
        bias: Option<ArrayD<f32>>,
        addend: bool,
        beta: f32,
        kind: Kind,
    ) -> Results {
        if !addend {
            return Ok(vec![Some(self.computed(kind, product))]);
        }
        let bias = match bias {
            Some(bias) => self.constant(&format!("{}.bias", node.name), bias)?,
            None => {
                let bias = self.operand(node, args, 2)?;
                if beta == 1.0 {
                    bias
                } else {
                    self.scaled(&format!("{}.bias", node.name), bias, beta)?
                }
            }
        };
        let id = self.push(&format!("{}.sum", node.name), Op::Add, &[product, bias])?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    pub(super) fn einsum(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = node.inputs.len();
        node.takes(count, count)?;
        let equation = node
            .attributes
            .string("equation")?
            .ok_or_else(|| node.problem("attribute `equation` is missing"))?;
        let equation: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (terms, result) = match equation.split_once("->") {
            Some((terms, result)) => (terms.to_string(), Some(result.to_string())),
            None => (equation.clone(), None),
        };
        let terms: Vec<Vec<char>> = terms.split(',').map(|term| term.chars().collect()).collect();
        let written = equation.replace(['-', '>', ','], "");
        if !written.chars().all(|letter| letter.is_ascii_alphabetic()) {
            return Err(node.problem("an equation with anything but letters is not supported"));
        }
        let result: Vec<char> = match result {
            Some(result) => result.chars().collect(),
            None => {
                // Letters that are there once, in the order of the alphabet.
                let mut letters: Vec<char> = written
                    .chars()
                    .filter(|letter| written.matches(*letter).count() == 1)
                    .collect();
                letters.sort_unstable();
                letters
            }
        };
        let repeated = |letters: &[char]| {
            letters.iter().enumerate().any(|(at, letter)| letters[..at].contains(letter))
        };
        if terms.len() != count || terms.iter().any(|term| repeated(term)) || repeated(&result) {
            return Err(node.problem(
                "diagonals, and equations that do not fit the operands, are not supported",
            ));
        }
        if result.iter().any(|letter| !terms.iter().any(|term| term.contains(letter))) {
            return Err(node.problem("a letter of the result is in no operand"));
        }
        let mut operands = vec![];
        for (at, letters) in terms.into_iter().enumerate() {
            if args.get(at).map_or(0, |value| value.shape().len()) != letters.len() {
                return Err(
                    node.problem(format!("operand {at} has another number of axes than letters"))
                );
            }
            operands.push(Operand { value: self.matter_of(node, args, at)?, letters });
        }
        let id = self.contraction(node, operands, &result)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    fn matter_of(&mut self, node: &Node, args: &Args, at: usize) -> Result<Matter, Problem> {
        match args.get(at) {
            Some(Value::Constant(tensor)) => {
                Ok(Matter::Constant(tensor.finite(args.name(node, at))?))
            }
            _ => self.operand(node, args, at).map(Matter::Node),
        }
    }
}

/// A bias as one number for each column, where it is the same in every row.
fn row(bias: &ArrayD<f32>, columns: usize) -> Option<Array1<f32>> {
    if let Some(value) = uniform(bias) {
        return Some(Array1::from_elem(columns, value));
    }
    let lead = bias.shape().split_last().map_or(&[][..], |(_, lead)| lead);
    (bias.len() == columns && lead.iter().all(|&extent| extent == 1))
        .then(|| bias.iter().copied().collect())
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
