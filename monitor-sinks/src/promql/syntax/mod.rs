//! PromQL as text: words, grammar, types, and back to text.
//!
//! - `lex`: text into words. `parse`: words into [`Expr`], by precedence climbing. `check`: types and rules beyond
//!   grammar. `print`: the shortest text that parses to the same expression.
//!
//! Nothing here panics, loops or overflows the stack on any text: the number of words is bounded by the length of the
//! text, the depth of an expression by two limits in `parse`, and each word is looked at once.

mod ast;
mod check;
mod duration;
mod lex;
mod parse;
mod print;

pub(crate) use self::{
    ast::{
        Aggregation, Aggregator, Anchor, At, BinaryOp, Cardinality, Expr, Grouping, Kind, Matching, RangeMode,
        Selector, Span, Text,
    },
    duration::{Length, QueryLengths, duration_text, parse_duration},
    lex::{is_label_name, quote, unquote},
    parse::{parse, parse_matchers},
};
