//! The samples that a question reads: each set of matchers once a block, over all the time that is looked at from there.
//!
//! Where only functions of ranges look at a set, and the source gives series as a whole, the functions are applied to each
//! series as it comes (`digest`), and its samples go at once. Otherwise samples are kept until the block is done.

use std::{cell::RefCell, collections::HashMap, ops::ControlFlow, sync::Arc};

use super::{
    Context,
    block::Block,
    digest::{Digest, Sought},
    table::{Meta, Table},
};
use crate::promql::{
    annotation::Remarks,
    error::Error,
    histogram::Histogram,
    labels::Labels,
    matcher::Matcher,
    source::{Asker, Select, Series, Source},
    syntax::Span,
    value::is_stale,
};

/// The sets of series of a question.
#[derive(Debug, Default)]
pub(crate) struct Data {
    sets: Vec<Set>,
    pub(super) digests: Vec<Digest>,
    /// How many blocks were read.
    pub(super) blocks: usize,
    /// Whether the source gave a series in pieces, though it said that it does not.
    is_split: bool,
}

/// The series that a list of matchers accepts.
#[derive(Debug)]
struct Set {
    matchers: Vec<Matcher>,
    span: Span,
    /// The same for all: a selector that `@` fixes does not share its samples with one that moves.
    reaches: Vec<Reach>,
    /// Whether somebody looks at the samples themselves.
    is_kept: bool,
    /// What is computed from ranges.
    digests: Vec<usize>,
    series: Arc<[Stored]>,
}

/// The time that somebody looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Whether `@` fixes it. Otherwise what follows is counted from the first and the last instant of a block.
    pub(super) is_fixed: bool,
    /// The first and the last instant looked from.
    pub(super) first: i64,
    pub(super) last: i64,
    /// How long before and after these there may be samples of interest.
    pub(super) before: i64,
    pub(super) after: i64,
}

/// A series with its samples apart by kind.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) labels: Labels,
    pub(super) floats: Vec<(i64, f64)>,
    pub(super) histograms: Vec<(i64, Arc<Histogram>)>,
    /// When the series ended.
    pub(super) ends: Vec<i64>,
}

/// What a node sees of a set: its series, with their numbers in the node's table and a place in each.
pub(super) struct View<C> {
    set: usize,
    block: usize,
    pub(super) series: Arc<[Stored]>,
    pub(super) ids: Vec<usize>,
    pub(super) cursors: Vec<C>,
    pub(super) table: Table,
}

/// What became of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    All,
    /// It takes more memory than a block may.
    TooMuch,
}

impl Data {
    /// Plans to read what the matchers accept; returns the number of the set.
    pub(super) fn want(&mut self, matchers: &[Matcher], span: Span, reach: Reach) -> usize {
        let set = self.wanted(matchers, span, reach);
        self.sets[set].is_kept = true;
        set
    }

    /// Plans to read what the matchers accept for a function of ranges; returns the number of the digest.
    pub(super) fn want_digest(&mut self, matchers: &[Matcher], span: Span, reach: Reach, digest: Digest) -> usize {
        let set = self.wanted(matchers, span, reach);
        self.sets[set].digests.push(self.digests.len());
        self.digests.push(digest);
        self.digests.len() - 1
    }

    fn wanted(&mut self, matchers: &[Matcher], span: Span, reach: Reach) -> usize {
        let is_same = |set: &Set| set.matchers == matchers && set.reaches[0].is_fixed == reach.is_fixed;
        if let Some(at) = self.sets.iter().position(is_same) {
            self.sets[at].reaches.push(reach);
            return at;
        }
        self.sets.push(Set {
            matchers: matchers.to_vec(),
            span,
            reaches: vec![reach],
            is_kept: false,
            digests: Vec::new(),
            series: Arc::from([]),
        });
        self.sets.len() - 1
    }

    /// How long a block is at the least, in milliseconds, so that reading its ranges again for each block does not take
    /// much longer than reading them once.
    pub(super) fn shortest_block(&self) -> i64 {
        let length = |set: &Set| {
            let length = set.reaches.iter().map(|reach| reach.last - reach.first + reach.before + reach.after).max();
            length.unwrap_or(0) / if set.is_kept { 1 } else { 8 }
        };
        self.sets.iter().filter(|set| !set.reaches[0].is_fixed).map(length).max().unwrap_or(0)
    }
}

impl Context {
    /// Reads everything that is wanted for a block. What was read for the one before goes.
    pub(super) fn read(&mut self, source: &dyn Source, block: Block) -> Result<Read, Error> {
        self.begin_block();
        let mut sets = std::mem::take(&mut self.data.sets);
        let is_first = self.data.blocks == 0;
        let (mut read, mut pinned) = (Ok(Read::All), 0);
        for set in sets.iter_mut().filter(|set| is_first || !set.reaches[0].is_fixed) {
            let (held, was_split) = (self.block.held, self.data.is_split);
            set.series = Arc::from([]);
            read = self.read_set(source, set, block, is_first);
            if matches!(read, Ok(Read::All)) && self.data.is_split != was_split {
                // From now on samples are kept.
                self.release(self.block.held - held);
                self.block.held = held;
                read = self.read_set(source, set, block, is_first);
            }
            if !matches!(read, Ok(Read::All)) {
                break;
            }
            if set.reaches[0].is_fixed {
                pinned += self.block.held - held;
            }
        }
        if matches!(read, Ok(Read::All)) {
            // What `@` fixes stays until the question is answered.
            self.block.held -= pinned;
        }
        self.data.sets = sets;
        self.data.blocks += usize::from(matches!(read, Ok(Read::All)));
        read
    }

    fn read_set(&mut self, source: &dyn Source, set: &mut Set, block: Block, is_first: bool) -> Result<Read, Error> {
        let (from, to) = set.window(block, is_first);
        let at_once = !set.is_kept && !self.data.is_split && source.gives_whole_series();
        let mut digests = std::mem::take(&mut self.data.digests);
        set.digests.iter().for_each(|&digest| digests[digest].clear());
        // The cell of remarks is lent to the source while the rest of the context counts.
        let remarks = std::mem::take(&mut self.remarks);
        let asker = Asker { deadline: self.deadline(), remarks: &remarks, span: set.span };
        let mut select = Select::new(&set.matchers, from, to).asked_by(asker);
        // Samples that go together with those of another source must all be there.
        if let ([digest], true) = (&set.digests[..], at_once)
            && let Digest { sought: Sought::Function { name, .. }, length, .. } = &digests[*digest]
        {
            select = select.for_function(name, *length, block.step);
        }
        let mut gathered = Gathered::default();
        let mut refused = Ok(Read::All);
        let answer = source.select(&select, &mut |series| {
            refused = if at_once {
                let stored = Stored::of(series, from, to);
                self.digest(&stored, &set.digests, &mut digests, block, &remarks)
            } else {
                self.hold_in_block(gathered.add(series, from, to))
            };
            if matches!(refused, Ok(Read::All)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let mut read = answer.and(refused);
        if matches!(read, Ok(Read::All)) && !at_once {
            set.series = gathered.finish();
            for stored in &*set.series {
                if matches!(read, Ok(Read::All)) {
                    read = self.digest(stored, &set.digests, &mut digests, block, &remarks);
                }
            }
            if !set.is_kept {
                set.series = Arc::from([]);
            }
        }
        self.remarks = remarks;
        let is_sound = set.digests.iter().all(|&digest| digests[digest].finish());
        self.data.is_split |= at_once && !is_sound;
        self.data.digests = digests;
        read
    }

    /// Applies functions to a series that has been read.
    fn digest(
        &mut self,
        stored: &Stored,
        wanted: &[usize],
        digests: &mut [Digest],
        block: Block,
        remarks: &RefCell<Remarks>,
    ) -> Result<Read, Error> {
        let weight = stored.weight();
        self.hold(weight)?;
        let mut results = 0;
        for &digest in wanted {
            results += digests[digest].add(stored, block, remarks)?;
        }
        self.release(weight);
        self.hold_in_block(results)
    }
}

impl Set {
    /// The time, excluding the first instant, that a block looks at.
    fn window(&self, block: Block, is_first: bool) -> (i64, i64) {
        let of = |reach: &Reach| {
            let Reach { is_fixed, mut first, mut last, before, after } = *reach;
            if !is_fixed {
                last += block.last;
                first += block.first;
                if !is_first {
                    // What subqueries evaluated in the block before, they keep.
                    first = first.max(block.first - block.step + reach.last + 1);
                }
            }
            (first.saturating_sub(before), last.saturating_add(after))
        };
        let windows = || self.reaches.iter().map(of);
        let from = windows().map(|window| window.0).min().unwrap_or(0);
        (from, windows().map(|window| window.1).max().unwrap_or(0))
    }
}

impl Stored {
    /// The samples of a series in `(from, to]`.
    fn of(series: Series, from: i64, to: i64) -> Self {
        let Series { labels, mut floats, mut histograms } = series;
        let wanted = |time: i64| time > from && time <= to;
        let mut ends = Vec::new();
        let early = floats.iter().take_while(|sample| sample.0 <= from).count();
        floats.drain(..early);
        // Mostly all others are wanted, and looking is quicker than moving.
        if !floats.iter().all(|&(time, value)| wanted(time) && !is_stale(value)) {
            floats.retain(|&(time, value)| {
                let is_end = is_stale(value);
                if is_end && wanted(time) {
                    ends.push(time);
                }
                !is_end && wanted(time)
            });
        }
        histograms.retain(|(time, histogram)| {
            let is_end = is_stale(histogram.sum);
            if is_end && wanted(*time) {
                ends.push(*time);
            }
            !is_end && wanted(*time)
        });
        Self { labels, floats, histograms, ends }
    }

    fn weight(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, histogram)| histogram.weight()).sum();
        1 + self.floats.len() + self.ends.len() + histograms
    }
}

/// Series that are being read, those of the same labels together.
#[derive(Default)]
struct Gathered {
    series: HashMap<Labels, Stored>,
}

impl Gathered {
    /// Takes the samples in `(from, to]`; returns how many that is, by weight.
    fn add(&mut self, series: Series, from: i64, to: i64) -> usize {
        let more = Stored::of(series, from, to);
        let weight = more.weight();
        match self.series.get_mut(&more.labels) {
            Some(stored) => {
                stored.floats.extend(more.floats);
                stored.histograms.extend(more.histograms);
                stored.ends.extend(more.ends);
            }
            None => drop(self.series.insert(more.labels.clone(), more)),
        }
        weight
    }

    /// The series in order of their labels, their samples in order of time. A stable sort keeps what came first.
    fn finish(self) -> Arc<[Stored]> {
        let mut list: Vec<Stored> = self.series.into_values().collect();
        for stored in &mut list {
            stored.floats.sort_by_key(|&(time, _)| time);
            stored.floats.dedup_by_key(|&mut (time, _)| time);
            stored.histograms.sort_by_key(|&(time, _)| time);
            stored.histograms.dedup_by_key(|(time, _)| *time);
            stored.ends.sort_unstable();
        }
        list.sort_by(|left, right| left.labels.cmp(&right.labels));
        list.into()
    }
}

impl<C: Clone + Default> View<C> {
    pub(super) fn new(set: usize) -> Self {
        let series = Arc::from([]);
        Self { set, block: 0, series, ids: Vec::new(), cursors: Vec::new(), table: Table::default() }
    }

    /// Goes on to the block that was read last. A series keeps its number from block to block.
    pub(super) fn renew(&mut self, data: &Data) {
        if self.block == data.blocks {
            return;
        }
        self.block = data.blocks;
        self.series = data.sets[self.set].series.clone();
        self.ids.clear();
        for stored in &*self.series {
            self.ids.push(self.table.intern(Meta { labels: stored.labels.clone(), drop_name: false }));
        }
        self.cursors.clear();
        self.cursors.resize(self.series.len(), C::default());
    }
}

/// How many of the samples, which are ordered by time, are at or before `time`; `hint` was the answer before.
pub(super) fn seek<T>(samples: &[(i64, T)], hint: usize, time: i64) -> usize {
    let hint = hint.min(samples.len());
    if hint > 0 && samples[hint - 1].0 > time {
        return samples[..hint].partition_point(|sample| sample.0 <= time);
    }
    // Double the stride until it is too far: next to nothing for the next step, a bisection for a leap.
    let (mut reached, mut stride) = (hint, 1);
    while reached + stride <= samples.len() && samples[reached + stride - 1].0 <= time {
        reached += stride;
        stride *= 2;
    }
    let end = (reached + stride).min(samples.len());
    reached + samples[reached..end].partition_point(|sample| sample.0 <= time)
}
