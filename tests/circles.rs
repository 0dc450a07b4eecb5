//! No circle between the files of a crate; a module and those inside it may know each other.
//!
//! What a file uses is read from its paths that begin with `crate`, `self`, `super` or the name of
//! a module inside it. A name that a module only passes on leads to the file that has it. Code for
//! tests does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module, by the names that lead to it from the root of its crate.
type Module = Vec<String>;

/// The tokens of each module's file.
type Modules = BTreeMap<Module, Vec<String>>;

/// Names, `::` and single other characters; no comments and no literals.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |at| at + 2)
        } else if first == '"' {
            literal(rest, '"')
        } else if rest.starts_with("'\\") {
            literal(rest, '\'')
        } else if first == '\'' {
            // A character, or the mark of a lifetime.
            let character = rest.chars().nth(1).map_or(0, char::len_utf8);
            if rest[1 + character..].starts_with('\'') { character + 2 } else { 1 }
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
            end
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                found.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    found
}

/// Length of a literal that begins and ends with `quote`.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The tokens without the items that only tests have.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(MARK.len()).eq(MARK.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += MARK.len();
        let mut depth = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            at += 1;
            depth += i32::from(token == "{") - i32::from(token == "}");
            if depth == 0 && (token == ";" || token == "}") {
                break;
            }
        }
    }
    kept
}

/// The modules that a file declares with files of their own.
fn declared(tokens: &[String]) -> impl Iterator<Item = &String> {
    tokens.windows(3).filter(|three| three[0] == "mod" && three[2] == ";").map(|three| &three[1])
}

fn read(file: &Path, module: Module, modules: &mut Modules) {
    let tokens = without_tests(&tokens(&std::fs::read_to_string(file).unwrap()));
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    for name in declared(&tokens) {
        let inner = [&module[..], std::slice::from_ref(name)].concat();
        let beside = folder.join(format!("{name}.rs"));
        let file = if beside.exists() { beside } else { folder.join(name).join("mod.rs") };
        read(&file, inner, modules);
    }
    modules.insert(module, tokens);
}

/// The paths that a `use` names, each with the name that it gets.
fn used(tokens: &[String], before: &[String]) -> Vec<(Vec<String>, String)> {
    let (mut depth, mut parts) = (0, vec![Vec::new()]);
    for token in tokens {
        depth += i32::from(token == "{") - i32::from(token == "}");
        match (token.as_str(), depth) {
            (",", 0) => parts.push(Vec::new()),
            _ => parts.last_mut().unwrap().push(token.clone()),
        }
    }
    let paths = parts.iter().filter(|part| !part.is_empty()).flat_map(|part| {
        let names = part.iter().take_while(|token| *token != "{" && *token != "as");
        let names = names.filter(|token| *token != "::").cloned();
        let mut path: Vec<String> = before.iter().cloned().chain(names).collect();
        if let Some(open) = part.iter().position(|token| token == "{") {
            return used(&part[open + 1..part.len() - 1], &path);
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let renamed = part.iter().rev().nth(1).filter(|token| *token == "as").and(part.last());
        let name = renamed.or(path.last()).cloned().unwrap_or_default();
        vec![(path, name)]
    });
    paths.collect()
}

/// Where a path of `module` leads from the root of the crate; `None` for one that leaves it.
fn absolute(module: &Module, path: &[String], modules: &Modules) -> Option<Vec<String>> {
    let first = path.first()?.as_str();
    let supers = path.iter().take_while(|name| *name == "super").count();
    match first {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([&module[..], &path[1..]].concat()),
        "super" => {
            let outer = module.len().checked_sub(supers)?;
            Some([&module[..outer], &path[supers..]].concat())
        }
        _ => {
            let inner = [&module[..], path].concat();
            modules.contains_key(&inner[..module.len() + 1]).then_some(inner)
        }
    }
}

/// What each module uses, and the names that it gives to what it uses.
struct Uses {
    paths: Vec<Vec<String>>,
    names: BTreeMap<String, Vec<String>>,
}

fn uses(module: &Module, tokens: &[String], modules: &Modules) -> Uses {
    let (mut paths, mut names) = (Vec::new(), BTreeMap::new());
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        if rest[0] == "use" {
            let end = rest.iter().position(|token| token == ";").unwrap_or(rest.len());
            for (path, name) in used(&rest[1..end], &[]) {
                if let Some(path) = absolute(module, &path, modules) {
                    paths.push(path.clone());
                    names.insert(name, path);
                }
            }
            at += end;
        } else if ["crate", "self", "super"].contains(&rest[0].as_str()) {
            let links = rest[1..].chunks(2).take_while(|two| two[0] == "::" && two.len() == 2);
            let links = links.map(|two| two[1].clone()).take_while(|name| name != "{");
            let path: Vec<String> = [rest[0].clone()].into_iter().chain(links).collect();
            if path.len() > 1 {
                paths.extend(absolute(module, &path, modules));
            }
            at += 2 * path.len() - 1;
        } else {
            at += 1;
        }
    }
    Uses { paths, names }
}

/// The module whose file has what a path leads to.
fn home(path: &[String], modules: &Modules, uses: &BTreeMap<&Module, Uses>, turns: u32) -> Module {
    let depth = (0..=path.len()).rev().find(|&depth| modules.contains_key(&path[..depth]));
    let module = path[..depth.unwrap_or(0)].to_vec();
    let passed_on = path.get(module.len()).and_then(|name| uses[&module].names.get(name));
    match passed_on {
        Some(target) if turns > 0 && target != path => {
            let target = [&target[..], &path[module.len() + 1..]].concat();
            home(&target, modules, uses, turns - 1)
        }
        _ => module,
    }
}

/// A circle of files, each of which uses the next.
fn circle(modules: &Modules) -> Option<Vec<String>> {
    let uses: BTreeMap<&Module, Uses> =
        modules.iter().map(|(module, tokens)| (module, uses(module, tokens, modules))).collect();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, own) in &uses {
        let targets = own.paths.iter().map(|path| home(path, modules, &uses, 8));
        let strangers =
            targets.filter(|target| !target.starts_with(module) && !module.starts_with(target));
        edges.insert((*module).clone(), strangers.collect());
    }
    // A file that uses no other is in no circle, nor is one that only such files are left for.
    while let Some(leaf) =
        edges.iter().find(|(_, targets)| targets.is_empty()).map(|(leaf, _)| leaf.clone())
    {
        edges.remove(&leaf);
        edges.values_mut().for_each(|targets| {
            targets.remove(&leaf);
        });
    }
    let mut way = vec![edges.keys().next()?];
    loop {
        let next = edges[way[way.len() - 1]].first()?;
        if let Some(at) = way.iter().position(|module| *module == next) {
            return Some(way[at..].iter().map(|module| module.join("::")).collect());
        }
        way.push(next);
    }
}

fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders
        .chain([root.to_owned()])
        .flat_map(|folder| ["lib.rs", "main.rs"].map(|name| folder.join("src").join(name)));
    files.filter(|file| file.exists()).collect()
}

#[test]
fn files_of_a_crate_do_not_use_each_other_in_circles() {
    let crates = crates();
    assert!(crates.len() >= 12, "{crates:?}");
    for file in crates {
        let mut modules = Modules::new();
        read(&file, vec![], &mut modules);
        assert_eq!(circle(&modules), None, "{}", file.display());
    }
}

#[test]
fn a_circle_is_found_through_names_that_are_passed_on() {
    let crate_of = |files: &[(&str, &str)]| -> Modules {
        let module = |(path, text): &(&str, &str)| {
            let module = path.split("::").filter(|name| !name.is_empty()).map(str::to_owned);
            (module.collect(), without_tests(&tokens(text)))
        };
        files.iter().map(module).collect()
    };
    let root = ("", "mod a; mod b; pub use b::{Thing as Other, deep::X};");
    let (a, deep) = (("a", "use crate::{Other, X as _};"), ("b::deep", "pub struct X;"));
    let straight = crate_of(&[root, a, ("b", "mod deep; pub struct Thing;"), deep]);
    assert_eq!(circle(&straight), None);
    for b in [
        "mod deep; use super::a; pub struct Thing(a::A);",
        "mod deep; pub struct Thing; fn f(brace: char) { g('{', \"// {\"); crate::a::A }",
    ] {
        let found = circle(&crate_of(&[root, a, ("b", b), deep]));
        assert_eq!(found, Some(vec!["a".to_owned(), "b".to_owned()]), "{b}");
    }
    let below = crate_of(&[root, a, ("b", "mod deep;"), ("b::deep", "use crate::a::A;")]);
    assert_eq!(circle(&below), Some(vec!["a".to_owned(), "b::deep".to_owned()]));
    let of_tests = "mod deep; pub struct Thing; #[cfg(test)] mod tests { use crate::a::A; }";
    assert_eq!(circle(&crate_of(&[root, a, ("b", of_tests), deep])), None);
    let parent = crate_of(&[("", "mod a;"), ("a", "mod b; use b::B;"), ("a::b", "use super::A;")]);
    assert_eq!(circle(&parent), None);
}
