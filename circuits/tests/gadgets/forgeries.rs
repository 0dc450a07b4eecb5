//! Honest runs satisfy every constraint; a forgery violates exactly those that its case names.

use crate::every_case;
use crate::support::{honest, run};

#[test]
fn honest_runs_satisfy_every_constraint() {
    for case in every_case() {
        let compiled = case.compile();
        if compiled.graph().committed().count() == 0 {
            let inputs: Vec<&[i64]> = case.inputs.iter().map(Vec::as_slice).collect();
            honest(&compiled, &inputs, &case.output);
        }
        assert!(run(&case, None, None).violated.is_empty(), "{}", case.name);
    }
}

#[test]
fn each_forgery_violates_the_constraints_that_its_case_names() {
    let mut wrong = Vec::new();
    for case in every_case() {
        for forgery in &case.forgeries {
            let found = run(&case, Some(forgery), None).violated;
            assert!(!forgery.refused_by.is_empty());
            if found != forgery.refused_by {
                wrong.push(format!(
                    "{}: {}: refused by {found:?}, not by {:?}",
                    case.name, forgery.what, forgery.refused_by
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
