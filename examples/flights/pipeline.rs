//! The pipeline: one thread reads batches of rows, several turn them into sums by carrier and route.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use monitored::{counter, histogram, monitored};

use crate::flight::{self, Flight, Route};
use crate::options::Options;

const BATCH: usize = 512;

/// Delays, summed up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delays {
    pub(crate) flights: u64,
    pub(crate) late: u64,
    pub(crate) minutes: i64,
    pub(crate) caught_up: i64,
}

/// What came out of all rows.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) dropped: u64,
    pub(crate) by_carrier: HashMap<[u8; 2], Delays>,
    pub(crate) by_route: HashMap<Route, Delays>,
}

/// What a flight adds to the sums.
struct Contribution {
    carrier: [u8; 2],
    route: Route,
    late: bool,
    minutes: i64,
    caught_up: i64,
}

/// Processes the whole input.
#[monitored]
pub(crate) fn run(options: &Options) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    let workers = thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
    let (sender, receiver) = sync_channel(4 * workers);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&receiver))).collect();
        let read = (0..options.repeat).try_for_each(|_| read(&options.input, options.with_progress, &sender));
        drop(sender);
        let mut summary = Summary::default();
        for worker in workers {
            summary.merge(worker.join().map_err(|_| "a worker panicked")?);
        }
        read.map(|()| summary)
    })
}

/// Reads the file into batches.
#[monitored]
fn read(
    path: &Path,
    with_progress: bool,
    batches: &SyncSender<Vec<StringRecord>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let file = File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let bar = if with_progress { ProgressBar::new(file.metadata()?.len()) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}  {msg} rows")?);
    let file = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
    let text: Box<dyn Read> = if path.extension().is_some_and(|end| end == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut rows = csv::Reader::from_reader(text);
    let mut total = 0;
    loop {
        let batch = next_batch(&mut rows).map_err(|error| format!("{}: {error}", path.display()))?;
        if batch.is_empty() {
            break;
        }
        total += batch.len();
        bar.set_message(total.to_string());
        batches.send(batch)?;
    }
    bar.finish();
    Ok(())
}

/// Reads and decompresses one batch; empty at the end.
#[monitored]
fn next_batch(rows: &mut csv::Reader<Box<dyn Read>>) -> csv::Result<Vec<StringRecord>> {
    let batch: Vec<StringRecord> = rows.records().take(BATCH).collect::<Result<_, _>>()?;
    counter!("rows_read", batch.len());
    histogram!("batch_rows", batch.len());
    Ok(batch)
}

/// A worker: takes batches until there are no more.
fn work(batches: &Mutex<Receiver<Vec<StringRecord>>>) -> Summary {
    let mut summary = Summary::default();
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = next else { return summary };
        summary.transform(&batch);
    }
}

#[monitored]
impl Summary {
    /// Turns a batch of rows into sums; rows that are no flights are counted and dropped.
    fn transform(&mut self, batch: &[StringRecord]) {
        for row in batch {
            self.rows += 1;
            match flight::parse(row).and_then(flight::validate) {
                Ok(flight) => self.add(&Contribution::of(&flight)),
                Err(_) => self.dropped += 1,
            }
        }
    }

    /// Too small to be worth measuring: `skip` leaves a method of the block alone.
    #[monitored(skip)]
    fn add(&mut self, contribution: &Contribution) {
        let carrier = self.by_carrier.entry(contribution.carrier).or_default();
        let route = self.by_route.entry(contribution.route).or_default();
        for delays in [carrier, route] {
            delays.flights += 1;
            delays.late += u64::from(contribution.late);
            delays.minutes += contribution.minutes;
            delays.caught_up += contribution.caught_up;
        }
    }

    /// Adds what another worker found.
    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.dropped += other.dropped;
        for (carrier, delays) in other.by_carrier {
            self.by_carrier.entry(carrier).or_default().merge(delays);
        }
        for (route, delays) in other.by_route {
            self.by_route.entry(route).or_default().merge(delays);
        }
    }
}

impl Contribution {
    fn of(flight: &Flight) -> Self {
        // The day changes during a night flight.
        let on_the_way = (flight.arrival.actual.0 - flight.departure.actual.0).rem_euclid(1440);
        let caught_up = if on_the_way > 0 { i64::from(flight.departure.delay - flight.arrival.delay) } else { 0 };
        Self {
            carrier: flight.carrier,
            route: flight.route,
            late: flight.arrival.delay > 15,
            minutes: i64::from(flight.arrival.delay),
            caught_up,
        }
    }
}

impl Delays {
    fn merge(&mut self, other: Self) {
        self.flights += other.flights;
        self.late += other.late;
        self.minutes += other.minutes;
        self.caught_up += other.caught_up;
    }

    /// The mean delay at arrival, in minutes.
    pub(crate) fn mean(&self) -> f64 {
        self.minutes as f64 / self.flights.max(1) as f64
    }
}
