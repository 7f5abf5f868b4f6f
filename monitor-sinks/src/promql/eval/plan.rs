//! From a checked expression to nodes, for the times of one question.
//!
//! On the way down each part learns between which instants it will be evaluated, so that each selector can say which
//! samples it needs. Parts whose value is the same at all instants are evaluated once.

use super::{
    Context, Node, Times,
    absent::{Absent, What},
    aggregate::Aggregate,
    binary::WithScalar,
    bucket::{Figure, OfBuckets},
    call::{Digested, RangeCall},
    count_values::CountValues,
    data::Reach,
    digest::{Digest, Sought},
    info::WithInfo,
    label::{Relabeled, Rule},
    map::{Constant, Map, Mapped, Single},
    matching::Matched,
    range::{Range, Selected},
    root::{RangeRoot, Root, ScalarRoot},
    scalar::Scalar,
    select_k::SelectK,
    selector::{Look, Selector, Timestamps},
    set::SetOperation,
    sort::Sorted,
    subquery::Subquery,
};
use crate::promql::{
    error::Error,
    function::{Body, Function, Special, WindowFunction},
    matcher::Matcher,
    syntax::{
        Aggregation, Aggregator, Anchor, At, BinaryOp, Expr, Kind, Length, Matching, QueryLengths, RangeMode,
        Selector as Selection, Span, Text,
    },
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

    /// A function of ranges that can be applied when series are read: at the instants of the question, whatever else the
    /// question comes to.
    fn digested(
        &mut self,
        function: &'static Function,
        window: WindowFunction,
        arguments: &[Expr],
        between: Between,
    ) -> Result<Option<Digested>, Error> {
        if self.constant || self.nested {
            return Ok(None);
        }
        let (mut range, mut scalars) = (None, Vec::new());
        for argument in arguments {
            match &argument.bare().kind {
                Kind::Range { selector, range: length }
                    if selector.at.is_none() && selector.mode == RangeMode::Plain =>
                {
                    range = Some((selector, length, argument.bare().span));
                }
                Kind::Number(value) => scalars.push(*value),
                _ => return Ok(None),
            }
        }
        let Some((selector, length, span)) = range else { return Ok(None) };
        let look = self.look(None, &selector.offset, span)?;
        let length = self.positive(length, span)?;
        let reach = self.reach(look, length, 0, between);
        let sought = Sought::Function { name: function.name, function: window, scalars };
        let digest = Digest { sought, look, length, span: arguments[0].bare().span, results: Vec::new() };
        let digest = self.context.data.want_digest(&selector.matchers, span, reach, digest);
        Ok(Some(Digested::of_function(function.name, digest)))
    }

    /// The same for a selector.
    fn digested_selector(
        &mut self,
        selection: &Selection,
        span: Span,
        between: Between,
    ) -> Result<Option<Digested>, Error> {
        if self.constant || self.nested || selection.at.is_some() || selection.mode != RangeMode::Plain {
            return Ok(None);
        }
        let (look, length) = (self.look(None, &selection.offset, span)?, self.context.times.lookback);
        let reach = self.reach(look, length, 0, between);
        let digest = Digest { sought: Sought::Newest, look, length, span, results: Vec::new() };
        Ok(Some(Digested::of_selector(self.context.data.want_digest(&selection.matchers, span, reach, digest))))
    }

    fn mapped(&mut self, map: Map, arguments: &[Expr], between: Between) -> Vector {
        Ok(Box::new(Mapped::new(map, self.vector(&arguments[0], between)?)))
    }

    fn special(
        &mut self,
        name: &'static str,
        special: Special,
        arguments: &[Expr],
        span: Span,
        between: Between,
    ) -> Vector {
        let argument = |at: usize| arguments[at].bare();
        let spans = |from: usize| arguments[from..].iter().map(|argument| argument.bare().span).collect::<Vec<_>>();
        Ok(match special {
            Special::Absent => {
                let inner = self.vector(argument(0), between)?;
                Box::new(Absent::new(What::Vector(inner), matchers(argument(0))))
            }
            Special::AbsentOverTime => {
                let range = self.range(argument(0), between)?;
                Box::new(Absent::new(What::Range(range), matchers(argument(0))))
            }
            Special::HistogramQuantile => {
                let figure = Figure::Quantile(self.scalar(argument(0), between)?);
                let inner = self.vector(argument(1), between)?;
                Box::new(OfBuckets::new(figure, inner, vec![argument(0).span], argument(1).span))
            }
            Special::HistogramQuantiles => {
                let quantiles = self.scalars(&arguments[2..], between)?;
                let figure = Figure::Quantiles(text(argument(1))?.value.clone(), quantiles);
                let inner = self.vector(argument(0), between)?;
                Box::new(OfBuckets::new(figure, inner, spans(2), argument(0).span))
            }
            Special::HistogramFraction => {
                let (lower, upper) = (self.scalar(argument(0), between)?, self.scalar(argument(1), between)?);
                let inner = self.vector(argument(2), between)?;
                Box::new(OfBuckets::new(Figure::Fraction { lower, upper }, inner, spans(0), argument(2).span))
            }
            Special::LabelReplace | Special::LabelJoin => self.relabeled(special, arguments, between)?,
            Special::Info => self.with_info(arguments, between)?,
            Special::Sort { descending } => {
                let inner = self.vector(argument(0), between)?;
                Box::new(Sorted::new(None, descending, inner, span))
            }
            Special::SortByLabel { descending } => {
                let labels = texts(&arguments[1..])?;
                let inner = self.vector(argument(0), between)?;
                Box::new(Sorted::new(Some(labels), descending, inner, span))
            }
            Special::Timestamp => match &argument(0).kind {
                Kind::Selector(selection) => {
                    Box::new(Timestamps::new(self.selector(selection, argument(0).span, between)?))
                }
                _ => Box::new(Mapped::new(Map::Timestamp, self.vector(argument(0), between)?)),
            },
            Special::Vector => Box::new(Single::new(self.scalar(argument(0), between)?, None)),
            Special::End
            | Special::MaxOf
            | Special::MinOf
            | Special::Pi
            | Special::RangeOfQuery
            | Special::Scalar
            | Special::Start
            | Special::Step
            | Special::Time => return Err(Error::evaluation(format!("{name}() is a scalar"))),
        })
    }

    fn relabeled(&mut self, special: Special, arguments: &[Expr], between: Between) -> Vector {
        let name = if special == Special::LabelReplace { "label_replace" } else { "label_join" };
        for argument in &arguments[1..] {
            if let Some(broken) = &text(argument)?.broken {
                return Err(Error::evaluation(format!("invalid text in {name}(): {broken}; write UTF-8")));
            }
        }
        let texts = texts(&arguments[1..])?;
        let label = texts[0].clone();
        let sources: &[String] = if special == Special::LabelReplace { &[] } else { &texts[2..] };
        for (kind, label) in
            [("destination", &label)].into_iter().chain(sources.iter().map(|source| ("source", source)))
        {
            if label.is_empty() {
                return Err(Error::evaluation(format!("invalid {kind} label name in {name}(): {label}")));
            }
        }
        let rule = match special {
            Special::LabelReplace => Rule::replace(texts[2].clone(), &texts[3], texts[1].clone())?,
            _ => Rule::Join { sources: sources.to_vec(), separator: texts[1].clone() },
        };
        Ok(Box::new(Relabeled::new(label, rule, self.vector(arguments[0].bare(), between)?)))
    }

    fn with_info(&mut self, arguments: &[Expr], between: Between) -> Vector {
        let listed = arguments.get(1).map_or(&[][..], |labels| matchers(labels.bare()));
        let (names, data) = WithInfo::conditions(listed);
        let all: Vec<Matcher> = names.iter().chain(&data).cloned().collect();
        let look = Look { fixed: None, offset: 0 };
        let set = self.want(&all, arguments[0].span, look, (self.context.times.lookback, 0), between);
        let inner = self.vector(arguments[0].bare(), between)?;
        Ok(Box::new(WithInfo::new(inner, Selector::new(set, look, false), names, data)))
    }

    fn selector(&mut self, selection: &Selection, span: Span, between: Between) -> Result<Selector, Error> {
        let look = self.look(selection.at, &selection.offset, span)?;
        let (lookback, smoothed) = (self.context.times.lookback, selection.mode == RangeMode::Smoothed);
        let beyond = (lookback, if smoothed { lookback } else { 0 });
        let set = self.want(&selection.matchers, span, look, beyond, between);
        Ok(Selector::new(set, look, smoothed))
    }

    fn range(&mut self, expr: &Expr, between: Between) -> Result<Range, Error> {
        match &expr.kind {
            Kind::Paren(inner) => self.range(inner, between),
            Kind::Range { selector, range } => {
                let look = self.look(selector.at, &selector.offset, expr.span)?;
                let length = self.positive(range, expr.span)?;
                let lookback = self.context.times.lookback;
                let (before, after) = match selector.mode {
                    RangeMode::Plain => (0, 0),
                    RangeMode::Anchored => (lookback, 0),
                    RangeMode::Smoothed => (lookback, lookback),
                };
                let set = self.want(&selector.matchers, expr.span, look, (length + before, after), between);
                Ok(Range::Selected(Selected::new(set, look, length, selector.mode)))
            }
            Kind::Subquery { inner, range, step, at, offset } => {
                let look = self.look(*at, offset, expr.span)?;
                let length = self.positive(range, expr.span)?;
                let step = match step {
                    Some(step) => self.positive(step, expr.span)?,
                    None => self.context.times.subquery_step,
                };
                let (first, last) = (look.from(between.first) - length, look.from(between.last));
                // What is constant over the question need not be so inside, at the points of a longer range.
                let outside = (std::mem::replace(&mut self.constant, false), std::mem::replace(&mut self.nested, true));
                let is_fixed = between.is_fixed || look.fixed.is_some();
                let inner = self.vector(inner, Between { first, last, is_fixed })?;
                (self.constant, self.nested) = outside;
                Ok(Range::Subquery(Subquery::new(inner, look, length, step)))
            }
            _ => Err(misplaced(expr)),
        }
    }

    fn scalars(&mut self, arguments: &[Expr], between: Between) -> Result<Vec<Scalar>, Error> {
        arguments.iter().map(|argument| self.scalar(argument, between)).collect()
    }

    fn scalar(&mut self, expr: &Expr, between: Between) -> Result<Scalar, Error> {
        Ok(match &expr.kind {
            Kind::Number(value) => Scalar::Number(*value),
            Kind::Paren(inner) | Kind::Unary { negate: false, inner } => self.scalar(inner, between)?,
            Kind::Unary { negate: true, inner } => Scalar::Negate(Box::new(self.scalar(inner, between)?)),
            Kind::Binary { op, left, right, .. } => {
                let (left, right) = (self.scalar(left, between)?, self.scalar(right, between)?);
                Scalar::Binary { op: *op, left: Box::new(left), right: Box::new(right) }
            }
            Kind::Call { function: Function { body: Body::Special(special), .. }, arguments } => {
                self.special_scalar(*special, expr, arguments, between)?
            }
            _ => return Err(misplaced(expr)),
        })
    }

    fn special_scalar(
        &mut self,
        special: Special,
        expr: &Expr,
        arguments: &[Expr],
        between: Between,
    ) -> Result<Scalar, Error> {
        let Times { start, end, step, .. } = self.context.times;
        let seconds = |millis: i64| Scalar::Number(millis as f64 / 1000.0);
        Ok(match special {
            Special::Time => Scalar::Time,
            Special::Pi => Scalar::Number(std::f64::consts::PI),
            Special::Start => seconds(start),
            Special::End => seconds(end),
            Special::RangeOfQuery => seconds(end - start),
            Special::Step => seconds(step),
            Special::Scalar => Scalar::Only(self.vector(arguments[0].bare(), between)?),
            Special::MinOf | Special::MaxOf => {
                let left = Box::new(self.scalar(&arguments[0], between)?);
                let right = Box::new(self.scalar(&arguments[1], between)?);
                if special == Special::MinOf { Scalar::Least(left, right) } else { Scalar::Greatest(left, right) }
            }
            _ => return Err(misplaced(expr)),
        })
    }

    fn look(&self, at: Option<At>, offset: &Length, span: Span) -> Result<Look, Error> {
        let fixed = at.map(|at| match at {
            At::Time(millis) => millis,
            At::Anchor(Anchor::Start) => self.context.times.start,
            At::Anchor(Anchor::End) => self.context.times.end,
        });
        let offset = offset.millis(self.lengths).map_err(|message| Error::syntax(span, message))?;
        Ok(Look { fixed, offset })
    }

    fn positive(&self, length: &Length, span: Span) -> Result<i64, Error> {
        length.positive_millis(self.lengths).map_err(|message| Error::syntax(span, message))
    }

    /// Notes that samples are needed from so long before the instants looked at to so long after them.
    fn want(
        &mut self,
        matchers: &[Matcher],
        span: Span,
        look: Look,
        (before, after): (i64, i64),
        between: Between,
    ) -> usize {
        let reach = self.reach(look, before, after, between);
        self.context.data.want(matchers, span, reach)
    }

    fn reach(&self, look: Look, before: i64, after: i64, between: Between) -> Reach {
        let is_fixed = between.is_fixed || look.fixed.is_some();
        let (first, last) = (look.from(between.first), look.from(between.last));
        let Times { start, end, .. } = self.context.times;
        let (first, last) = if is_fixed { (first, last) } else { (first - start, last - end) };
        Reach { is_fixed, first, last, before, after }
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
