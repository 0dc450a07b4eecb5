//! `product`: element by element.

use super::cost::{Cost, Lengths};
use super::quotient::{OVERFLOW, Outside, first, second};
use super::reach::{Reach, product};
use super::{Operation, Outcome, Refusal};

/// Two operands.
pub struct Product;

impl Operation for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        match operands {
            [a, b] if a.len == b.len => {
                Ok(Outcome { len: a.len, bounds: a.bounds.product(b.bounds).ok_or(OVERFLOW)? })
            }
            [_, _] => Err("operands of different lengths"),
            _ => Err("wrong number of operands"),
        }
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(first(operands).iter().zip(second(operands)).map(|(a, b)| a * b).collect())
    }

    fn cost(&self, _: Lengths) -> Cost {
        Cost::FREE
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).iter().zip(second(operands)).map(|(a, b)| product(*a, *b)).collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
