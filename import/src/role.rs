//! What the inputs of a language model hold, by the names that exporters give them.

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Token ids.
    Tokens,
    /// 1 where there is a token, 0 where there is padding.
    Mask,
    /// The segment that a token belongs to; of one text mostly zeros.
    Segment,
    /// 0, 1, 2, ...
    Position,
    /// Keys and values of the tokens that an earlier call has read; also the outputs that are given
    /// to the next call.
    Cache,
    /// Whether there was an earlier call.
    UsesCache,
    /// How many logits at the end are kept; 0 for all.
    Kept,
}

/// Names with a role of their own.
const NAMES: [(&str, Role); 18] = [
    ("ids", Role::Tokens),
    ("input_ids", Role::Tokens),
    ("token_ids", Role::Tokens),
    ("tokens", Role::Tokens),
    ("idx", Role::Tokens),
    ("input", Role::Tokens),
    ("mask", Role::Mask),
    ("attention_mask", Role::Mask),
    ("input_mask", Role::Mask),
    ("token_type_ids", Role::Segment),
    ("segment_ids", Role::Segment),
    ("type_ids", Role::Segment),
    ("position_ids", Role::Position),
    ("positions", Role::Position),
    ("cache_position", Role::Position),
    ("use_cache_branch", Role::UsesCache),
    ("num_logits_to_keep", Role::Kept),
    ("logits_to_keep", Role::Kept),
];

/// How the names of keys and values begin.
const CACHE: [&str; 6] =
    ["past_key_values", "past_key", "past_value", "past.", "present.", "present_"];

impl Role {
    /// The role that a name stands for.
    pub fn of(name: &str) -> Option<Role> {
        let own = NAMES.iter().find(|(other, _)| *other == name).map(|(_, role)| *role);
        own.or_else(|| CACHE.iter().any(|start| name.starts_with(start)).then_some(Role::Cache))
    }

    /// The names of inputs that a text fills.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(|(_, role)| role.is_of_text()).map(|(name, _)| *name)
    }

    /// Whether a text fills the input, token by token.
    pub fn is_of_text(self) -> bool {
        matches!(self, Role::Tokens | Role::Mask | Role::Segment | Role::Position)
    }
}
