//! Compositions of functions of one number.
//!
//! A composition is evaluated step by step in `f64`, so a table of it is rounded once, whatever it
//! is made of.

use super::Unary;

/// Most steps of a composition.
pub const MAX_STEPS: usize = 64;

/// A function of one number as a list of steps; the value of the last is its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    steps: Vec<Step>,
}

/// A step; numbers are those of earlier steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The number that the function is taken of.
    Argument,
    /// A constant.
    Constant(f32),
    /// A function of a step.
    Apply(Unary, usize),
    /// Sum of two steps.
    Add(usize, usize),
    /// Difference of two steps.
    Sub(usize, usize),
    /// Product of two steps.
    Mul(usize, usize),
}

impl Composition {
    /// A composition of `steps`; `None` when there are none or more than [`MAX_STEPS`], or one uses
    /// a later one.
    pub fn new(steps: Vec<Step>) -> Option<Composition> {
        let is_earlier = |(at, step): (usize, &Step)| match *step {
            Step::Argument | Step::Constant(_) => true,
            Step::Apply(_, a) => a < at,
            Step::Add(a, b) | Step::Sub(a, b) | Step::Mul(a, b) => a < at && b < at,
        };
        let fits =
            (1..=MAX_STEPS).contains(&steps.len()) && steps.iter().enumerate().all(is_earlier);
        fits.then_some(Composition { steps })
    }

    /// The value at `x`; not a number outside the domain, infinite at a pole.
    pub fn evaluate(&self, x: f64) -> f64 {
        self.values(x)[self.steps.len() - 1]
    }

    /// Whether something that is divided by has different signs at `a` and `b`: between them it is
    /// zero.
    pub fn has_pole_between(&self, a: f64, b: f64) -> bool {
        if !self
            .steps
            .iter()
            .any(|step| matches!(step, Step::Apply(function, _) if function.divides()))
        {
            return false;
        }
        let (at_a, at_b) = (self.values(a), self.values(b));
        self.steps.iter().any(|step| match *step {
            Step::Apply(function, x) => function.divides() && at_a[x] * at_b[x] < 0.0,
            _ => false,
        })
    }

    /// Whether a step is a function of whole numbers.
    pub fn is_whole(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Apply(function, _) if function.is_whole()))
    }

    /// The functions it is made of, as reports print them.
    pub fn name(&self) -> String {
        let functions = self.steps.iter().filter_map(|step| match step {
            Step::Apply(function, _) => Some(format!("{function:?}")),
            _ => None,
        });
        functions.collect::<Vec<_>>().join(", ")
    }

    fn values(&self, x: f64) -> [f64; MAX_STEPS] {
        let mut values = [0.0; MAX_STEPS];
        for (at, step) in self.steps.iter().enumerate() {
            values[at] = match *step {
                Step::Argument => x,
                Step::Constant(value) => f64::from(value),
                Step::Apply(function, a) => function.evaluate(values[a]),
                Step::Add(a, b) => values[a] + values[b],
                Step::Sub(a, b) => values[a] - values[b],
                Step::Mul(a, b) => values[a] * values[b],
            };
        }
        values
    }
}

impl From<Unary> for Composition {
    fn from(function: Unary) -> Composition {
        Composition { steps: vec![Step::Argument, Step::Apply(function, 0)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composition_is_evaluated_step_by_step() {
        // ln(relu(x) + 1/4)
        let steps = vec![
            Step::Argument,
            Step::Apply(Unary::Relu, 0),
            Step::Constant(0.25),
            Step::Add(1, 2),
            Step::Apply(Unary::Ln, 3),
        ];
        let function = Composition::new(steps).unwrap();
        for (x, expected) in [(-3.0, 0.25f64.ln()), (0.75, 0.0), (1.75, 2f64.ln())] {
            assert!((function.evaluate(x) - expected).abs() < 1e-15, "{x}");
        }
        assert_eq!(function.name(), "Relu, Ln");
    }

    #[test]
    fn a_pole_between_two_numbers_is_found() {
        let steps = vec![
            Step::Argument,
            Step::Constant(0.3),
            Step::Sub(0, 1),
            Step::Apply(Unary::Reciprocal, 2),
        ];
        let function = Composition::new(steps).unwrap();
        assert!(function.has_pole_between(0.25, 0.35));
        assert!(!function.has_pole_between(0.35, 0.5));
    }

    #[test]
    fn steps_that_use_later_ones_or_none_are_refused() {
        assert_eq!(Composition::new(vec![]), None);
        assert_eq!(Composition::new(vec![Step::Apply(Unary::Exp, 0)]), None);
        assert_eq!(Composition::new(vec![Step::Argument, Step::Add(0, 1)]), None);
        assert_eq!(Composition::new(vec![Step::Argument; MAX_STEPS + 1]), None);
    }
}
