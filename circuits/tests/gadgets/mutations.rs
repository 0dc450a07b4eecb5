//! Every constraint, range and lookup is needed: with the place of the code that asks for it left
//! out, some forgery of a false statement satisfies all the others.
//!
//! The places are noted while the gadgets run, and compared with those that the source has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::every_case;
use crate::reading::Place;
use crate::support::{Case, Forgery, Outcome, run};

/// File, line.
type Line = (String, u32);

fn line(place: Place) -> Line {
    let file = Path::new(place.file()).file_name().unwrap_or_default();
    (file.to_string_lossy().into_owned(), place.line())
}

/// The first forgery of the case that states a falsehood, is refused, and passes without the place.
fn passing<'c>(case: &'c Case, outcomes: &[(bool, Outcome)], place: Place) -> Option<&'c Forgery> {
    let passes = |forgery: &Forgery| run(case, Some(forgery), Some(place)).violated.is_empty();
    let false_ones = case
        .forgeries
        .iter()
        .zip(outcomes)
        .filter(|(_, (falsehood, full))| *falsehood && !full.violated.is_empty());
    false_ones.map(|(forgery, _)| forgery).find(|forgery| passes(forgery))
}

#[test]
fn without_any_one_place_a_false_statement_passes() {
    let cases = every_case();
    let mut table: BTreeMap<Place, Option<String>> = BTreeMap::new();
    let mut names: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for case in &cases {
        let compiled = case.compile();
        let outcome = |forgery: &Forgery| {
            let outcome = run(case, Some(forgery), None);
            (forgery.states_a_falsehood(&compiled, &outcome.claimed), outcome)
        };
        let outcomes: Vec<(bool, Outcome)> = case.forgeries.iter().map(outcome).collect();
        for (place, constraints) in run(case, None, None).places {
            names.entry(place).or_default().extend(constraints);
            let found = table.entry(place).or_default();
            if found.is_none() {
                *found = passing(case, &outcomes, place)
                    .map(|forgery| format!("{}: {}", case.name, forgery.what));
            }
        }
    }
    for (place, forgery) in &table {
        let (file, line) = line(place);
        let asked = names[place].iter().next().map_or("(range or lookup)", String::as_str);
        println!(
            "{:<20} {asked:<26} {}",
            format!("{file}:{line}"),
            forgery.as_deref().unwrap_or("NOTHING PASSES WITHOUT IT")
        );
    }
    let survivors: Vec<Line> = table
        .iter()
        .filter(|(_, forgery)| forgery.is_none())
        .map(|(place, _)| line(place))
        .collect();
    assert!(
        survivors.is_empty(),
        "no forgery passes without these; write one, or drop them as needless: {survivors:?}"
    );
    let seen: BTreeSet<Line> = table.keys().map(|place| line(place)).collect();
    assert_eq!(
        places_of_the_source(),
        seen,
        "the places that the source has, and those that the cases reach"
    );
}

/// A constraint has one name in its gadget, and one place of the code.
#[test]
fn each_place_has_its_own_name() {
    let mut places: BTreeMap<String, BTreeSet<Line>> = BTreeMap::new();
    for case in every_case() {
        for (place, names) in run(&case, None, None).places {
            assert!(names.len() <= 1, "{place} enforces {names:?}");
            names.into_iter().for_each(|name| {
                places.entry(name).or_default().insert(line(place));
            });
        }
    }
    places.retain(|_, lines| lines.len() > 1);
    assert!(places.is_empty(), "names of several places: {places:?}");
}

/// Lines of the gadgets and the lowering that call `enforce`, or a function that answers for its
/// callers (`#[track_caller]`); what such a function calls itself counts as its callers'.
fn places_of_the_source() -> BTreeSet<Line> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let gadgets =
        std::fs::read_dir(source.join("gadgets")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<(String, String)> = gadgets
        .chain([source.join("lower.rs")])
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    let marked = |text: &str| -> Vec<String> {
        let after = text.split("#[track_caller]").skip(1);
        after
            .filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0.to_owned()))
            .collect()
    };
    let mut asking: BTreeSet<String> = files.iter().flat_map(|(_, text)| marked(text)).collect();
    asking.insert("enforce".to_owned());
    let mut places = BTreeSet::new();
    for (file, text) in &files {
        let mut answers = false;
        let mut marked = false;
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.trim_start();
            if code == "#[track_caller]" {
                marked = true;
            } else if code.starts_with("fn ") || code.starts_with("pub") && code.contains("fn ") {
                answers = std::mem::take(&mut marked);
            } else if !answers
                && !code.starts_with("//")
                && asking.iter().any(|name| code.contains(&format!(".{name}(")))
            {
                places.insert((file.clone(), number));
            }
        }
    }
    places
}
