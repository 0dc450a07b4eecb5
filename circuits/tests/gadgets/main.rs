//! The gadgets, one a file: honest results and forgeries. The cases that the files share are the
//! list that every test here goes through.

mod argmax;
mod below_max;
mod below_visible_max;
mod commit;
mod fold;
mod forgeries;
mod lookup;
mod matmul;
mod max;
mod mutations;
mod normalize;
mod pinned;
mod product;
mod quotient;
mod range;
mod reading;
mod reciprocal;
mod relu;
mod rows;
mod rsqrt;
mod support;
mod table;

use support::Case;

/// The cases of all gadgets.
fn every_case() -> Vec<Case> {
    let gadgets = [
        argmax::cases,
        below_max::cases,
        below_visible_max::cases,
        commit::cases,
        fold::cases,
        lookup::cases,
        matmul::cases,
        max::cases,
        normalize::cases,
        product::cases,
        quotient::cases,
        range::cases,
        reciprocal::cases,
        relu::cases,
        rows::cases,
        rsqrt::cases,
        table::cases,
    ];
    gadgets.into_iter().flat_map(|cases| cases()).collect()
}
