//! What a `tokenizer.json` declares about filling up and cutting a text, as far as a model with a
//! fixed number of tokens leaves it open.
//!
//! | declared | what it does here |
//! |---|---|
//! | padding `direction`, `pad_id`, `pad_type_id` | followed, up to the model's number of tokens |
//! | padding `strategy`, `pad_to_multiple_of`, `pad_token` | nothing: the model's shape says how long a text is, and the id which token fills it |
//! | truncation `direction`, `max_length` | followed; a length beyond the model's number of tokens does nothing |
//! | truncation `strategy` | of one text they are the same, except `OnlySecond`, which is refused: it cuts no single text |
//! | truncation `stride` | nothing: it is about the parts that are cut off |

/// How texts are filled up and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The token that fills up, where the file names one.
    pub padding: Option<u32>,
    /// Its segment.
    pub padding_type: u32,
    /// Which end is filled up.
    pub pads: Side,
    /// Which end is cut.
    pub cuts: Side,
    /// Most tokens of a text.
    pub most: usize,
}

/// An end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The beginning.
    Left,
    /// The end.
    Right,
}

impl Declared {
    /// Of a tokenizer that declares nothing.
    pub const NOTHING: Declared = Declared {
        padding: None,
        padding_type: 0,
        pads: Side::Right,
        cuts: Side::Right,
        most: usize::MAX,
    };
}
