//! Selectors and ranges: which samples they need, and whether these are to be digested as they are read.

use super::{Between, Plan, misplaced};
use crate::promql::{
    error::Error,
    eval::{
        Times,
        call::Digested,
        data::Reach,
        digest::{Digest, Sought},
        range::{Range, Selected},
        selector::{Look, Selector},
        subquery::Subquery,
    },
    function::{Function, WindowFunction},
    matcher::Matcher,
    syntax::{Anchor, At, Expr, Kind, Length, RangeMode, Selector as Selection, Span},
};

impl Plan<'_> {
    /// A function of ranges that can be applied when series are read: at the instants of the question, whatever else the
    /// question comes to.
    pub(super) fn digested(
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
    pub(super) fn digested_selector(
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

    pub(super) fn selector(&mut self, selection: &Selection, span: Span, between: Between) -> Result<Selector, Error> {
        let look = self.look(selection.at, &selection.offset, span)?;
        let (lookback, smoothed) = (self.context.times.lookback, selection.mode == RangeMode::Smoothed);
        let beyond = (lookback, if smoothed { lookback } else { 0 });
        let set = self.want(&selection.matchers, span, look, beyond, between);
        Ok(Selector::new(set, look, smoothed))
    }

    pub(super) fn range(&mut self, expr: &Expr, between: Between) -> Result<Range, Error> {
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
    pub(super) fn want(
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
