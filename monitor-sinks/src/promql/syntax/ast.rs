//! The tree of an expression; each node knows its place in the text.

use super::Length;
use crate::promql::{function::Function, matcher::Matcher, value::Type};

/// An expression of PromQL.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Nodes from here to the deepest leaf, this one included.
    pub(crate) depth: usize,
}

/// The forms of an expression.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number(f64),
    Text(Text),
    Selector(Selector),
    /// A selector with a range, `x[5m]`.
    Range {
        selector: Selector,
        range: Length,
    },
    Subquery {
        inner: Box<Expr>,
        range: Length,
        step: Option<Length>,
        at: Option<At>,
        offset: Length,
    },
    Paren(Box<Expr>),
    Unary {
        negate: bool,
        inner: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        matching: Matching,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Aggregation(Aggregation),
    Call {
        function: &'static Function,
        arguments: Vec<Expr>,
    },
}

/// A part of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A string literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) value: String,
    /// How the literal reads when quoted again, if its bytes are not UTF-8; `value` is then only close to it.
    pub(crate) broken: Option<String>,
}

/// What series, and when.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) at: Option<At>,
    pub(crate) offset: Length,
    pub(crate) mode: RangeMode,
}

/// What counts at the edges of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RangeMode {
    /// Only the samples inside.
    #[default]
    Plain,
    /// The last sample before the range, too.
    Anchored,
    /// Values interpolated at both edges.
    Smoothed,
}

/// An instant fixed by `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum At {
    /// Milliseconds since 1970.
    Time(i64),
    Anchor(Anchor),
}

/// The ends of the range of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    End,
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    TrimUpper,
    TrimLower,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Atan2,
    Power,
}

/// How two vectors are brought together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// Results are 0 and 1 instead of kept and dropped.
    pub(crate) bool: bool,
    /// `on` or `ignoring` was written.
    pub(crate) explicit: bool,
    /// `on`, not `ignoring`.
    pub(crate) on: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) cardinality: Cardinality,
    /// Labels that the "one" side adds.
    pub(crate) include: Vec<String>,
    pub(crate) fill_left: Option<f64>,
    pub(crate) fill_right: Option<f64>,
}

/// How many samples of a side may belong to one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cardinality {
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// Labels that an aggregation keeps or drops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grouping {
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}

/// An aggregation over a vector.
#[derive(Debug, Clone)]
pub(crate) struct Aggregation {
    pub(crate) op: Aggregator,
    pub(crate) grouping: Grouping,
    pub(crate) parameter: Option<Box<Expr>>,
    pub(crate) inner: Box<Expr>,
}

/// Aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregator {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Quantile,
    CountValues,
    Topk,
    Bottomk,
    Limitk,
    LimitRatio,
}

impl Expr {
    pub(crate) fn new(kind: Kind, span: Span) -> Self {
        let depth = 1 + kind.children().map(|child| child.depth).max().unwrap_or(0);
        Self { kind, span, depth }
    }

    /// The type of its value.
    pub(crate) fn of_type(&self) -> Type {
        match &self.kind {
            Kind::Number(_) => Type::Scalar,
            Kind::Text(_) => Type::Text,
            Kind::Selector(_) | Kind::Aggregation(_) => Type::Vector,
            Kind::Range { .. } | Kind::Subquery { .. } => Type::Range,
            Kind::Paren(inner) | Kind::Unary { inner, .. } => inner.of_type(),
            Kind::Binary { left, right, .. } => match (left.of_type(), right.of_type()) {
                (Type::Scalar, Type::Scalar) => Type::Scalar,
                _ => Type::Vector,
            },
            Kind::Call { function, .. } => function.returns,
        }
    }

    /// The expression inside all parentheses around it.
    pub(crate) fn bare(&self) -> &Self {
        match &self.kind {
            Kind::Paren(inner) => inner.bare(),
            _ => self,
        }
    }
}

impl Kind {
    /// The expressions directly inside.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Expr> {
        let (first, second, rest): (Option<&Expr>, Option<&Expr>, &[Expr]) = match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) | Self::Range { .. } => (None, None, &[]),
            Self::Subquery { inner, .. } | Self::Paren(inner) | Self::Unary { inner, .. } => (Some(inner), None, &[]),
            Self::Binary { left, right, .. } => (Some(left), Some(right), &[]),
            Self::Aggregation(aggregation) => (aggregation.parameter.as_deref(), Some(&aggregation.inner), &[]),
            Self::Call { arguments, .. } => (None, None, arguments),
        };
        first.into_iter().chain(second).chain(rest)
    }
}

impl Span {
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// Line and column of the start, from 1.
    pub(crate) fn place_in(self, text: &str) -> (usize, usize) {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let lines: Vec<&[u8]> = before.split(|&byte| byte == b'\n').collect();
        (lines.len(), lines.last().map_or(0, |line| line.len()) + 1)
    }
}

impl BinaryOp {
    /// How tightly it binds; more is tighter.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo | Self::Atan2 => 5,
            Self::Power => 6,
            _ => 3,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }

    /// Whether its result is another quantity, so that the name of the metric goes.
    pub(crate) fn drops_name(self) -> bool {
        self.precedence() >= 4
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Atan2 => "atan2",
            Self::Power => "^",
        }
    }
}

impl Aggregator {
    pub(crate) const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Quantile,
        Self::CountValues,
        Self::Topk,
        Self::Bottomk,
        Self::Limitk,
        Self::LimitRatio,
    ];

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(name))
    }

    /// The type of its first argument, if it has two.
    pub(crate) fn parameter(self) -> Option<Type> {
        match self {
            Self::CountValues => Some(Type::Text),
            Self::Quantile | Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio => Some(Type::Scalar),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Quantile => "quantile",
            Self::CountValues => "count_values",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }
}
