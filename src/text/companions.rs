//! Inputs beside the tokens that decide what a model reads of them: a mask, segments, positions.
//!
//! Where the statement shows the tokens, or commits to them, these must be bound too. Under a
//! private mask one shown message has as many verdicts as there are masks, and whoever proves picks
//! one.

use lemma_model::{Model, Node, Op};

use super::input::steers;

/// The first input of tokens that is `bound`, and the inputs beside it that decide what is read of
/// it and are not; `None` when there are none.
pub fn unbound(model: &Model, bound: impl Fn(&str) -> bool) -> Option<(String, Vec<String>)> {
    let inputs: Vec<&Node> = model.inputs.iter().filter_map(|id| model.node(*id)).collect();
    let is_tokens = |node: &&&Node| {
        matches!(node.op, Op::Tokens { vocabulary } if vocabulary > FLAG) && !steers(&node.name)
    };
    let shown = inputs.iter().filter(is_tokens).filter(|node| bound(&node.name));
    shown.into_iter().find_map(|tokens| {
        // A flag for each token is a mask, whatever its name.
        let is_flags = |node: &Node| {
            matches!(node.op, Op::Tokens { vocabulary: FLAG })
                && node.shape == tokens.shape
                && node.shape.iter().any(|extent| *extent > 1)
        };
        let beside = inputs.iter().filter(|node| steers(&node.name) || is_flags(node));
        let open: Vec<String> =
            beside.filter(|node| !bound(&node.name)).map(|node| node.name.clone()).collect();
        (!open.is_empty()).then(|| (tokens.name.clone(), open))
    })
}

/// The vocabulary of a flag.
const FLAG: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn model(inputs: &[(&str, Option<usize>, &[usize])]) -> Model {
        let mut model = Model::default();
        for (name, vocabulary, shape) in inputs {
            let op = vocabulary.map_or(Op::Input, |vocabulary| Op::Tokens { vocabulary });
            model.push_input(*name, op, shape).unwrap();
        }
        model
    }

    #[test]
    fn names_what_is_left_open_beside_bound_tokens() {
        let whole = [
            ("input_ids", Some(1000), &[1, 8][..]),
            ("attention_mask", None, &[1, 8]),
            ("keep", Some(2), &[1, 8]),
            ("position_ids", Some(8), &[1, 8]),
            ("extended_mask", None, &[1, 1, 8, 8]),
            ("price", None, &[1, 3]),
            ("is_new", Some(2), &[1, 1]),
        ];
        let open = |names: &[&str]| unbound(&model(&whole), |name| names.contains(&name));
        assert_eq!(open(&[]), None, "private tokens bind nothing");
        assert_eq!(open(&["price", "keep"]), None);
        let (tokens, found) = open(&["input_ids"]).unwrap();
        assert_eq!(
            (tokens.as_str(), found),
            (
                "input_ids",
                ["attention_mask", "keep", "position_ids", "extended_mask"]
                    .map(String::from)
                    .to_vec()
            )
        );
        let (_, found) = open(&["input_ids", "attention_mask", "keep", "position_ids"]).unwrap();
        assert_eq!(found, ["extended_mask"]);
        assert_eq!(
            open(&["input_ids", "attention_mask", "keep", "position_ids", "extended_mask"]),
            None
        );
    }

    #[test]
    fn a_category_beside_a_private_flag_is_no_text() {
        assert_eq!(
            unbound(&model(&[("zone", Some(40), &[1, 1]), ("smoker", Some(2), &[1, 1])]), |name| {
                name == "zone"
            }),
            None
        );
    }
}
