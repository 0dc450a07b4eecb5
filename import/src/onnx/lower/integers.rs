//! Arithmetic of whole numbers: remainders, quotients, shifts and bits by constants, and what types
//! of few bits make of a result that they do not hold.
//!
//! Each is a function of one number, exact by its table: where a range leaves no step of at most 1
//! it is refused.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};

use super::arithmetic::operand;
use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{Bits, NodeId, Op, Unary, View, broadcast};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Most different constants that an operator may have.
const MAX_CONSTANTS: usize = 256;

/// Operators whose results are among their operands, whatever the type.
const KEEPS: &[&str] = &[
    "And",
    "ArgMax",
    "ArgMin",
    "Clip",
    "Equal",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "MaxPool",
    "Min",
    "Not",
    "Or",
    "QuantizeLinear",
    "ReduceMax",
    "ReduceMin",
    "Relu",
    "Sign",
    "TopK",
    "Xor",
];

impl Lowering {
    /// The result of an operator on integers of few bits: it wraps around.
    pub(super) fn wrapped_results(
        &mut self,
        node: &Node,
        results: &mut [Option<Value>],
    ) -> Result<(), Problem> {
        if KEEPS.contains(&node.op.as_str()) {
            return Ok(());
        }
        for result in results.iter_mut().flatten() {
            let Value::Computed(value) = result else { continue };
            let wide = matches!(value.kind, Kind::U32 | Kind::U64)
                && ["Neg", "Sub"].contains(&node.op.as_str());
            if !is_narrow(value.kind) && !wide {
                continue;
            }
            let id = value.plain.clone().map_err(|problem| node.problem(problem))?;
            let id = self.wrapped(&format!("{}.wrapped", node.name), id, value.kind)?;
            *result = self.computed(value.kind, id);
        }
        Ok(())
    }

    /// `x` as an integer type holds it: multiples of `2^bits` away, inside the type's range.
    pub(super) fn wrapped(&mut self, name: &str, x: NodeId, kind: Kind) -> Result<NodeId, Problem> {
        if self.flags.contains(&x) {
            return Ok(x);
        }
        let bits = bits_of(kind);
        let around = Op::Unary(Unary::Remainder(f64::from(bits).exp2() as f32));
        if !is_signed(kind) {
            return self.push(name, around, &[x]);
        }
        let half = f64::from(bits - 1).exp2() as f32;
        let half = self.number(&format!("{name}.half"), half, x)?;
        let moved = self.push(&format!("{name}.moved"), Op::Add, &[x, half])?;
        let rest = self.push(&format!("{name}.rest"), around, &[moved])?;
        self.push(name, Op::Sub, &[rest, half])
    }

    /// `Mod`: the remainder has the divisor's sign, or with `fmod` the dividend's.
    pub(super) fn remainder(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let truncates = node.attributes.flag("fmod")?.unwrap_or(false);
        let kind = args.get(0).map_or(Kind::F32, Value::kind);
        self.by_constants(node, args, kind, "divisor", |divisor| match divisor {
            0.0 => None,
            _ if truncates => Some(Unary::TruncatedRemainder(divisor)),
            _ => Some(Unary::Remainder(divisor)),
        })
    }

    /// Division of integers, cut off towards zero.
    pub(super) fn whole_quotient(&mut self, node: &Node, args: &Args, kind: Kind) -> Results {
        self.by_constants(node, args, kind, "divisor", |divisor| {
            (divisor != 0.0).then_some(Unary::Quotient(divisor))
        })
    }

    /// `BitShift` by constants: multiples of powers of two, wrapped, or quotients rounded down.
    pub(super) fn shifted_bits(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let direction = node.attributes.string("direction")?.unwrap_or_default();
        let left = match direction.as_str() {
            "LEFT" => true,
            "RIGHT" => false,
            other => {
                let other = other.escape_default();
                return Err(node.problem(format!("attribute `direction` is {other}")));
            }
        };
        let kind = args.get(0).map_or(Kind::U8, Value::kind);
        let (amounts, x) =
            (self.weights(node, args, 1, "number of places")?, self.operand(node, args, 0)?);
        if amounts.iter().any(|&amount| amount < 0.0) {
            return Err(node.problem("a negative number of places; shift in the other direction"));
        }
        let gone = |amount: f32| amount >= bits_of(kind) as f32;
        let factors = amounts.mapv(|amount| match left {
            true if gone(amount) => 0.0,
            true => amount.exp2(),
            false => (-amount.min(120.0)).exp2(),
        });
        let name = node.name.clone();
        let factors = self.constant(&format!("{name}.factor"), factors)?;
        let id = match left {
            true => {
                let scaled = self.push(&format!("{name}.scaled"), Op::Mul, &[x, factors])?;
                self.wrapped(&name, scaled, kind)?
            }
            // What is shifted out is taken away first, which is exact or refused.
            false => {
                let places = amounts.mapv(|amount| amount.min(120.0).exp2());
                let lost =
                    self.with_constants(node, x, &places, |place| Some(Unary::Remainder(place)))?;
                let kept = self.push(&format!("{name}.kept"), Op::Sub, &[x, lost])?;
                self.push(&name, Op::Mul, &[kept, factors])?
            }
        };
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `BitwiseAnd`, `BitwiseOr` and `BitwiseXor` with constants.
    pub(super) fn bits(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let bits = match node.op.as_str() {
            "BitwiseAnd" => Bits::And,
            "BitwiseOr" => Bits::Or,
            _ => Bits::Xor,
        };
        let mut ordered = Args::default();
        let (a, b) = (operand(node, args, 0)?.0, operand(node, args, 1)?.0);
        let (x, constant) = if a.tensor().is_some() { (b, a) } else { (a, b) };
        ordered.push(Some(x.clone()));
        ordered.push(Some(constant.clone()));
        let kind = x.kind();
        self.by_constants(node, &ordered, kind, "other operand", |constant| {
            Some(Unary::Bits(bits, constant as i64))
        })
    }

    /// `BitwiseNot`.
    pub(super) fn flipped_bits(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let kind = args.get(0).map_or(Kind::U8, Value::kind);
        if matches!(kind, Kind::U16 | Kind::U32 | Kind::U64) {
            return Err(
                node.problem(format!("bits of {}, whose numbers are too large", kind.name()))
            );
        }
        let x = self.operand(node, args, 0)?;
        let all = if is_signed(kind) { -1.0 } else { f64::from(bits_of(kind)).exp2() as f32 - 1.0 };
        let all = self.number(&format!("{}.all", node.name), all, x)?;
        let id = self.push(&node.name, Op::Sub, &[all, x])?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// A function of each element of operand 0 that the element of the constant operand 1 names.
    pub(super) fn by_constants(
        &mut self,
        node: &Node,
        args: &Args,
        kind: Kind,
        what: &str,
        function: impl Fn(f32) -> Option<Unary>,
    ) -> Results {
        let constants = self.weights(node, args, 1, what)?;
        if !kind.is_float()
            && args.tensor(1).is_some_and(|tensor| {
                tensor
                    .as_ints()
                    .is_some_and(|ints| ints.iter().any(|&int| int as f32 as i64 != int))
            })
        {
            return Err(node.problem(format!("a {what} of more than 24 bits")));
        }
        let x = self.operand(node, args, 0)?;
        let refused = |constant: f32| node.problem(format!("a {what} of {constant}"));
        if let Some(constant) = constants.iter().find(|&&constant| function(constant).is_none()) {
            return Err(refused(*constant));
        }
        let id = self.with_constants(node, x, &constants, function)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// A function of each element of `x` that the constant at its place names.
    pub(super) fn with_constants(
        &mut self,
        node: &Node,
        x: NodeId,
        constants: &ArrayD<f32>,
        function: impl Fn(f32) -> Option<Unary>,
    ) -> Result<NodeId, Problem> {
        let refused = |constant: f32| node.problem(format!("a constant of {constant}"));
        let shape = broadcast(constants.shape(), self.shape_of(x))
            .ok_or_else(|| node.problem("its operands do not broadcast"))?;
        let x = self.broadcast(&format!("{}.whole", node.name), x, &shape)?;
        if let Some(constant) = super::uniform(constants) {
            let function = function(constant).ok_or_else(|| refused(constant))?;
            return self.push(&node.name, Op::Unary(function), &[x]);
        }
        let constants = constants
            .broadcast(IxDyn(&shape))
            .ok_or_else(|| node.problem("its operands do not broadcast"))?;
        let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, constant) in constants.iter().enumerate() {
            places.entry(constant.to_bits()).or_default().push(at);
        }
        if places.len() > MAX_CONSTANTS {
            return Err(node.problem(format!(
                "{} different constants; at most {MAX_CONSTANTS} are supported",
                places.len()
            )));
        }
        let flat = self.reshaped(&format!("{}.flat", node.name), x, &[constants.len()])?;
        let (mut parts, mut order) = (vec![], vec![0; constants.len()]);
        let mut next = 0;
        for (constant, places) in places {
            let constant = f32::from_bits(constant);
            let function = function(constant).ok_or_else(|| refused(constant))?;
            let part = self.selected(&format!("{}.part", node.name), flat, 0, &places)?;
            parts.push(self.push(&node.name, Op::Unary(function), &[part])?);
            for place in places {
                order[place] = next;
                next += 1;
            }
        }
        let joined =
            self.push(&format!("{}.joined", node.name), Op::View(View::Concat(0)), &parts)?;
        let ordered = self.selected(&format!("{}.order", node.name), joined, 0, &order)?;
        self.reshaped(&format!("{}.shape", node.name), ordered, &shape)
    }
}

/// Whether an integer type has so few bits that sums leave it.
pub(super) fn is_narrow(kind: Kind) -> bool {
    matches!(kind, Kind::I8 | Kind::U8 | Kind::I16 | Kind::U16)
}

/// Bits of an integer type.
pub(super) fn bits_of(kind: Kind) -> u32 {
    match kind {
        Kind::I8 | Kind::U8 => 8,
        Kind::I16 | Kind::U16 => 16,
        Kind::I32 | Kind::U32 => 32,
        _ => 64,
    }
}

fn is_signed(kind: Kind) -> bool {
    matches!(kind, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64)
}
