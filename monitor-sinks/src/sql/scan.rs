//! Reads the rows of streams, page by page.
//!
//! Series are read in batches, and a batch one segment or one page of rows at a time, so that memory is bounded by a batch
//! times a page whatever a statement asks for. Between pages nothing is held: a statement that takes long, because its
//! caller does, keeps neither the writer nor its log waiting, nor a program that starts to record.
//!
//! Rows of one stream come in the order of time, those of different streams in none.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    column::Shape,
    plan::Wanted,
    session::Session,
    stream::{Fact, Stream},
    total::Total,
};
use crate::{
    error::Error,
    store::{Entry, Found, Pages, Reader, Warning, Window},
};

/// Series that are read together.
const BATCH: usize = 50;

/// How long before a window sums are begun, so that all that is added up has been seen: twice the time within which a
/// recording writes everything once.
const RUN_UP_US: i64 = 120_000_000;

/// A row of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The place of its stream.
    pub(super) stream: usize,
    pub(super) ts: i64,
    pub(super) run: u64,
    pub(super) fact: Fact,
}

/// A reading of some streams that is going on.
#[derive(Debug)]
pub(super) struct Scan {
    reader: Reader,
    streams: Arc<[Stream]>,
    window: Window,
    batches: VecDeque<Batch>,
    pages: Option<Pages>,
    ready: VecDeque<Row>,
    buckets: Vec<(u16, u64)>,
}

impl Scan {
    /// A reading of the streams of `shape` that are `wanted`.
    pub(super) fn new(session: &Session, shape: Shape, wanted: &Wanted, mut reader: Reader) -> Result<Self, Error> {
        reader.resume()?;
        let streams = session.streams(shape, &reader)?;
        let window = wanted.window;
        let batches = if window.after < window.until { batches(&streams, wanted) } else { VecDeque::new() };
        Ok(Self { reader, streams, window, batches, pages: None, ready: VecDeque::new(), buckets: Vec::new() })
    }

    /// Gives the connection back, for the next reading.
    pub(super) fn into_reader(self) -> Reader {
        self.reader
    }

    pub(super) fn stream(&self, row: &Row) -> &Stream {
        &self.streams[row.stream]
    }

    /// The next row. `None` at the end, or when the time is up, which the session knows.
    pub(super) fn next(&mut self, session: &Session) -> Result<Option<Row>, Error> {
        while self.ready.is_empty() && !session.is_overdue() && self.page(session)? {}
        Ok(self.ready.pop_front())
    }

    /// Reads a page. Returns whether there was one.
    fn page(&mut self, session: &Session) -> Result<bool, Error> {
        let Self { reader, streams, window, batches, pages, ready, buckets } = self;
        let Some(batch) = batches.front_mut() else { return Ok(false) };
        reader.resume()?;
        let pages = match pages {
            Some(pages) => pages,
            None => pages.insert(reader.pages(batch.ids.clone(), batch.window(*window))?),
        };
        let mut scanned = 0;
        let is_more = reader.next_page(pages, &mut |found| match found {
            Found::Entry { place, ts, run, entry } => {
                scanned += 1;
                if let Err(reason) = batch.take(streams, (place, ts, run), entry, buckets, ready) {
                    session.warn(Warning::new(ts, reason));
                }
            }
            Found::Damaged(warning) => session.warn(warning),
            Found::Flush { .. } | Found::Tier(_) | Found::Line { .. } => {}
        })?;
        if let Some(total) = &mut batch.total {
            total.settle(window.after, ready);
        }
        session.notes().scanned += scanned;
        if !ready.is_empty() {
            reader.pause();
        }
        if !is_more {
            self.pages = None;
            self.batches.pop_front();
        }
        Ok(true)
    }
}

/// Series that are read together, and the streams that they belong to.
#[derive(Debug)]
struct Batch {
    ids: Vec<u64>,
    /// For each series, the places of its streams.
    streams: Vec<Vec<usize>>,
    /// If the series are those of one stream that adds them up.
    total: Option<Total>,
}

impl Batch {
    /// The window to read for rows in `window`.
    fn window(&self, window: Window) -> Window {
        let run_up = if self.total.is_some() { RUN_UP_US } else { 0 };
        Window { after: window.after.saturating_sub(run_up), ..window }
    }

    fn take(
        &mut self,
        streams: &[Stream],
        (place, ts, run): (usize, i64, u64),
        entry: Entry<'_>,
        buckets: &mut Vec<(u16, u64)>,
        ready: &mut VecDeque<Row>,
    ) -> Result<(), &'static str> {
        let fact = Fact::of(entry, buckets)?;
        for &stream in &self.streams[place] {
            let fact = streams[stream].measure.of(fact);
            match &mut self.total {
                Some(total) => total.add(place, ts, run, fact.value),
                None => ready.push_back(Row { stream, ts, run, fact }),
            }
        }
        Ok(())
    }
}

/// The streams that are wanted, in batches. Sums are read each by itself.
fn batches(streams: &[Stream], wanted: &Wanted) -> VecDeque<Batch> {
    let mut batches = VecDeque::new();
    let mut single: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, stream) in streams.iter().enumerate().filter(|(_, stream)| wanted.takes(stream)) {
        match stream.members[..] {
            [id] => single.entry(id).or_default().push(place),
            _ => batches.push_back(Batch {
                ids: stream.members.clone(),
                streams: vec![vec![place]; stream.members.len()],
                total: Some(Total::of(place)),
            }),
        }
    }
    let mut single = single.into_iter().peekable();
    while single.peek().is_some() {
        let (ids, streams) = single.by_ref().take(BATCH).unzip();
        batches.push_back(Batch { ids, streams, total: None });
    }
    batches
}
