//! Functions of one number: what their tables give, what they refuse, and what their errors are.

mod norms;
mod poles;
mod random;
mod scales;
mod support;
mod top;
mod whole;
