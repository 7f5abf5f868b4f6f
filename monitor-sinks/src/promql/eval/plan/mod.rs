//! From a checked expression to nodes, for the times of one question.
//!
//! On the way down each part learns between which instants it will be evaluated, so that each selector can say which
//! samples it needs. Parts whose value is the same at all instants are evaluated once.
//!
//! - Here: operators, aggregations and calls. `special`: functions that are nodes of their own; scalars.
//! - `samples`: selectors and ranges.

mod samples;
mod special;

use super::{
    Context, Node, Times,
    aggregate::Aggregate,
    binary::WithScalar,
    call::RangeCall,
    count_values::CountValues,
    map::{Constant, Map, Mapped, Single},
    matching::Matched,
    root::{RangeRoot, Root, ScalarRoot},
    scalar::Scalar,
    select_k::SelectK,
    set::SetOperation,
};
use crate::promql::{
    error::Error,
    function::{Body, Function},
    matcher::Matcher,
    syntax::{Aggregation, Aggregator, BinaryOp, Expr, Kind, Matching, QueryLengths, Span, Text},
    value::Type,
};

/// The making of the nodes of one question.
pub(crate) struct Plan<'a> {
    context: &'a mut Context,
    lengths: QueryLengths,
    /// Inside of a part that is evaluated once.
    constant: bool,
    /// Inside of a subquery.
    nested: bool,
}

/// The instants at which a part is evaluated lie in between these two.
#[derive(Debug, Clone, Copy)]
struct Between {
    first: i64,
    last: i64,
    /// Whether they are the same for all instants of the question.
    is_fixed: bool,
}

type Vector = Result<Box<dyn Node>, Error>;

impl<'a> Plan<'a> {
    /// The nodes of an expression; what they need is noted in the context.
    pub(crate) fn of(expr: &Expr, context: &'a mut Context) -> Result<Root, Error> {
        let Times { start, end, step, .. } = context.times;
        let lengths = QueryLengths { step, range: end - start };
        let mut plan = Self { context, lengths, constant: false, nested: false };
        let between = Between { first: start, last: end, is_fixed: false };
        Ok(match expr.of_type() {
            Type::Scalar => Root::Scalar(ScalarRoot(plan.scalar(expr, between)?)),
            Type::Vector => Root::Vector(plan.vector(expr, between)?),
            Type::Range => Root::Range(RangeRoot(plan.range(expr, between)?)),
            Type::Text => Root::Text(text(expr)?.value.clone()),
        })
    }

    fn vector(&mut self, expr: &Expr, between: Between) -> Vector {
        let once = !self.constant && is_constant(expr) && between.first < between.last;
        if !once {
            return self.changing(expr, between);
        }
        self.constant = true;
        let inner = self.changing(expr, between);
        self.constant = false;
        Ok(Box::new(Constant::new(inner?)))
    }

    fn changing(&mut self, expr: &Expr, between: Between) -> Vector {
        match &expr.kind {
            Kind::Selector(selection) => match self.digested_selector(selection, expr.span, between)? {
                Some(digested) => Ok(Box::new(digested)),
                None => Ok(Box::new(self.selector(selection, expr.span, between)?)),
            },
            Kind::Paren(inner) | Kind::Unary { negate: false, inner } => self.vector(inner, between),
            Kind::Unary { negate: true, inner } => Ok(Box::new(Mapped::new(Map::Negate, self.vector(inner, between)?))),
            Kind::Binary { op, matching, left, right } => self.binary(*op, matching, left, right, expr.span, between),
            Kind::Aggregation(aggregation) => self.aggregation(aggregation, expr.span, between),
            Kind::Call { function, arguments } => self.call(function, arguments, expr.span, between),
            // Not of this type; the check of types lets nothing else come here.
            Kind::Number(_) | Kind::Text(_) | Kind::Range { .. } | Kind::Subquery { .. } => Err(misplaced(expr)),
        }
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        matching: &Matching,
        left: &Expr,
        right: &Expr,
        span: Span,
        between: Between,
    ) -> Vector {
        Ok(match (left.of_type(), right.of_type()) {
            (Type::Vector, Type::Vector) => {
                let (left, right) = (self.vector(left, between)?, self.vector(right, between)?);
                if op.is_set() {
                    Box::new(SetOperation::new(op, matching.clone(), left, right))
                } else {
                    Box::new(Matched::new(op, matching.clone(), left, right, span))
                }
            }
            (Type::Scalar, _) => {
                let scalar = self.scalar(left, between)?;
                Box::new(WithScalar::new(op, self.vector(right, between)?, scalar, true, matching.bool, span))
            }
            _ => {
                let vector = self.vector(left, between)?;
                let scalar = self.scalar(right, between)?;
                Box::new(WithScalar::new(op, vector, scalar, false, matching.bool, span))
            }
        })
    }

    fn aggregation(&mut self, aggregation: &Aggregation, span: Span, between: Between) -> Vector {
        let Aggregation { op, grouping, parameter, inner } = aggregation;
        let (op, grouping) = (*op, grouping.clone());
        let parameter = parameter.as_deref().map(Expr::bare);
        if let (Aggregator::CountValues, Some(parameter)) = (op, parameter) {
            let label = text(parameter)?;
            if label.broken.is_some() || label.value.is_empty() {
                return Err(Error::evaluation(format!("invalid label name {parameter}")));
            }
            return Ok(Box::new(CountValues::new(label.value.clone(), grouping, self.vector(inner, between)?)));
        }
        let parameter = match parameter {
            Some(parameter) => Some((self.scalar(parameter, between)?, parameter.span)),
            None => None,
        };
        let picks = matches!(op, Aggregator::Topk | Aggregator::Bottomk | Aggregator::Limitk | Aggregator::LimitRatio);
        let node = self.vector(inner, between)?;
        Ok(match parameter {
            Some(parameter) if picks => Box::new(SelectK::new(op, grouping, parameter, node, span)),
            parameter => Box::new(Aggregate::new(op, grouping, parameter, node, inner.bare().span)),
        })
    }

    fn call(&mut self, function: &'static Function, arguments: &[Expr], span: Span, between: Between) -> Vector {
        match function.body {
            Body::Map(map) => self.mapped(Map::Float(map), arguments, between),
            Body::MapWith(map) => {
                let scalars = self.scalars(&arguments[1..], between)?;
                self.mapped(Map::WithScalars(map, scalars), arguments, between)
            }
            Body::Clock(part) if arguments.is_empty() => Ok(Box::new(Single::new(Scalar::Time, Some(part)))),
            Body::Clock(part) => self.mapped(Map::Date(part), arguments, between),
            Body::OfHistogram(figure) => self.mapped(Map::OfHistogram(figure), arguments, between),
            Body::Window(window) => {
                if let Some(digested) = self.digested(function, window, arguments, between)? {
                    return Ok(Box::new(digested));
                }
                let mut range = None;
                let mut scalars = Vec::new();
                for argument in arguments {
                    match argument.of_type() {
                        Type::Range => range = Some(self.range(argument, between)?),
                        _ => scalars.push(self.scalar(argument, between)?),
                    }
                }
                let range = range.ok_or_else(|| misplaced(&arguments[0]))?;
                Ok(Box::new(RangeCall::new(function.name, window, range, scalars, arguments[0].bare().span)?))
            }
            Body::Special(special) => self.special(function.name, special, arguments, span, between),
        }
    }

    fn mapped(&mut self, map: Map, arguments: &[Expr], between: Between) -> Vector {
        Ok(Box::new(Mapped::new(map, self.vector(&arguments[0], between)?)))
    }

    fn scalars(&mut self, arguments: &[Expr], between: Between) -> Result<Vec<Scalar>, Error> {
        arguments.iter().map(|argument| self.scalar(argument, between)).collect()
    }
}

/// Whether the value is the same at all instants.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Selector(selector) | Kind::Range { selector, .. } => selector.at.is_some(),
        Kind::Subquery { at, .. } => at.is_some(),
        Kind::Call { function, .. } if function.depends_on_time() => false,
        kind => kind.children().all(is_constant),
    }
}

/// The conditions of a selector or of its range.
fn matchers(expr: &Expr) -> &[Matcher] {
    match &expr.kind {
        Kind::Selector(selector) | Kind::Range { selector, .. } => &selector.matchers,
        _ => &[],
    }
}

fn text(expr: &Expr) -> Result<&Text, Error> {
    match &expr.bare().kind {
        Kind::Text(text) => Ok(text),
        _ => Err(misplaced(expr)),
    }
}

fn texts(arguments: &[Expr]) -> Result<Vec<String>, Error> {
    arguments.iter().map(|argument| text(argument).map(|text| text.value.clone())).collect()
}

fn misplaced(expr: &Expr) -> Error {
    Error::syntax(expr.span, format!("{} does not fit here", expr.of_type()))
}
