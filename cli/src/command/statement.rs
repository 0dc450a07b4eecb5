//! Statements for people. Names, labels and texts come from a file or a model: they are escaped,
//! and texts stand in quotes.

use lemma::generation::{Generation, Visibility};
use lemma::verifier::visible::{quoted, visible};
use lemma::verifier::{Labels, PrivateInput, PublicTensor};
use lemma::{Context, Statement};

/// Entries of a tensor that are printed, runs of equal ones as one: a mask with a hole is seen.
const SHOWN: usize = 16;

/// What was proven, a line each.
pub fn statement_text(statement: &Statement) -> String {
    let mut lines = vec![format!(
        "model `{}` (circuit {})",
        visible(&statement.model),
        statement.circuit_digest
    )];
    if statement.development {
        lines.push("under a development key: whoever made the key must be trusted".into());
    }
    if statement.context != Context::NONE {
        lines.push(format!("in the context {}", statement.context.digest()));
    }
    lines.extend(statement.tensors.iter().map(tensor_text));
    lines.extend(statement.private_inputs.iter().map(private_text));
    lines.join("\n")
}

fn tensor_text(tensor: &PublicTensor) -> String {
    let signature = &tensor.signature;
    let (role, name, shape, bits) = (
        signature.role.name(),
        visible(&signature.name),
        &signature.shape,
        signature.fractional_bits,
    );
    if let Some(digest) = tensor.digest {
        return format!(
            "{role} `{name}` of shape {shape:?} and {bits} fractional bits: digest {digest}"
        );
    }
    let runs =
        runs(tensor.values.iter().enumerate().map(|(index, value)| entry(tensor, index, *value)));
    let more = runs.iter().skip(SHOWN).map(|(_, count)| count).sum::<usize>();
    let shown = runs.iter().take(SHOWN).map(|(entry, count)| match count {
        1 => entry.clone(),
        count => format!("{entry} ({count} times)"),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{role} `{name}` = [{shown}{rest}]")
}

/// An input that is not shown: the reader knows that it is there, and what it may be.
fn private_text(input: &PrivateInput) -> String {
    let (low, high) = input.range();
    format!("private: `{}` {:?} {low}..{high}", visible(&input.name), input.shape)
}

/// Entries with the number of times that each stands in a row.
fn runs(entries: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for entry in entries {
        match runs.last_mut() {
            Some((last, count)) if *last == entry => *count += 1,
            _ => runs.push((entry, 1)),
        }
    }
    runs
}

/// An entry: its number, behind its label or in place of it.
fn entry(tensor: &PublicTensor, index: usize, value: i64) -> String {
    let real = tensor.signature.real(value);
    match &tensor.signature.labels {
        Labels::Entries(names) => match index.checked_rem(names.len()).and_then(|at| names.get(at))
        {
            Some(name) => format!("{}: {real}", quoted(name)),
            None => real.to_string(),
        },
        Labels::Values(names) => match usize::try_from(value).ok().and_then(|at| names.get(at)) {
            Some(name) => format!("{value} {}", quoted(name)),
            None => real.to_string(),
        },
        Labels::None => real.to_string(),
    }
}

/// What a statement means: nothing, or lines that begin with a line break.
pub fn meaning_text(answer: Option<&str>, generation: Option<&Generation>) -> String {
    let answer = answer.map_or(String::new(), |answer| format!("\nanswer: {}", quoted(answer)));
    let Some(generation) = generation else { return answer };
    let text = |text: &Option<String>| {
        text.as_deref().map_or_else(|| "(this key does not name its tokens)".into(), quoted)
    };
    let Generation { prompt_length, length, tokens, .. } = generation;
    let written = length.saturating_sub(*prompt_length);
    // A text does not determine its tokens, so these are shown beside it.
    let (given, chosen) = tokens.split_at(tokens.len().saturating_sub(written));
    let prompt = match (generation.prompt_visibility, generation.prompt_digest) {
        (Visibility::Public, _) => {
            format!("{}\nprompt tokens: {given:?}", text(&generation.prompt))
        }
        (Visibility::Committed, Some(digest)) => format!("not shown, digest {digest}"),
        (Visibility::Committed, None) | (Visibility::Private, _) => "not shown".into(),
    };
    format!(
        "{answer}\nprompt ({prompt_length} tokens): {prompt}\ngenerated greedily ({written} \
            tokens): {}\ngenerated tokens: {chosen:?}",
        text(&generation.text)
    )
}
