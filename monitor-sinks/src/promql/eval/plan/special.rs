//! Functions that are nodes of their own, and expressions that are one number at each instant.

use super::{Between, Plan, Vector, matchers, misplaced, text, texts};
use crate::promql::{
    error::Error,
    eval::{
        Times,
        absent::{Absent, What},
        bucket::{Figure, OfBuckets},
        info::WithInfo,
        label::{Relabeled, Rule},
        map::{Map, Mapped, Single},
        scalar::Scalar,
        selector::{Look, Selector, Timestamps},
        sort::Sorted,
    },
    function::{Body, Function, Special},
    matcher::Matcher,
    syntax::{Expr, Kind, Span},
};

impl Plan<'_> {
    pub(super) fn special(
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

    pub(super) fn scalar(&mut self, expr: &Expr, between: Between) -> Result<Scalar, Error> {
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
}
