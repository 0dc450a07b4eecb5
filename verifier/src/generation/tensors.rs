//! What the rules of generation read of a statement.

use super::{GenerationError, join_pieces};
use crate::{Labels, PublicTensor, Role, Statement};

/// `1 <= prompt <= length <= tokens`.
pub(super) fn fit(prompt: usize, length: usize, tokens: usize) -> Result<(), GenerationError> {
    if prompt == 0 || prompt > length || length > tokens {
        return Err(GenerationError::Lengths { prompt, length, tokens });
    }
    Ok(())
}

pub(super) fn find<'a>(
    statement: &'a Statement,
    role: Role,
    name: &str,
) -> Option<&'a PublicTensor> {
    statement
        .tensors
        .iter()
        .find(|tensor| tensor.signature.role == role && tensor.signature.name == name)
}

/// The values of a tensor, as many as its shape says.
pub(super) fn values<'a>(
    statement: &'a Statement,
    role: Role,
    name: &str,
) -> Result<&'a [i64], GenerationError> {
    let tensor = find(statement, role, name).ok_or(GenerationError::NoDecoder)?;
    let entries = tensor.signature.entries().and_then(|entries| usize::try_from(entries).ok());
    if entries == Some(tensor.values.len()) {
        Ok(&tensor.values)
    } else {
        Err(GenerationError::NoDecoder)
    }
}

/// The text of some tokens, where a tensor of the statement names them.
pub(super) fn text<'a>(
    statement: &Statement,
    ids: impl Iterator<Item = &'a i64>,
) -> Option<String> {
    let names = statement.tensors.iter().find_map(|tensor| match &tensor.signature.labels {
        Labels::Values(names) => Some(names),
        _ => None,
    })?;
    let pieces: Option<Vec<&str>> =
        ids.map(|id| names.get(usize::try_from(*id).ok()?).map(String::as_str)).collect();
    Some(join_pieces(pieces?))
}
