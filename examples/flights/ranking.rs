//! The asynchronous stage: all carriers are ranked at once, and once enough are known the rest is dropped.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Waker};

use monitored::monitored;

use crate::pipeline::{Delays, Summary};

/// A carrier with enough flights to be compared.
pub(crate) struct Ranked {
    pub(crate) carrier: [u8; 2],
    pub(crate) delays: Delays,
    pub(crate) rank: usize,
}

/// A carrier that has too few flights to be compared with others.
#[derive(Debug)]
pub(crate) struct TooFewFlights;

/// The first `count` carriers by their mean delay.
#[monitored]
pub(crate) fn best_carriers(summary: &Summary, count: usize) -> Vec<Ranked> {
    let mut futures: Vec<_> = summary.by_carrier.keys().map(|&carrier| Box::pin(rank(summary, carrier))).collect();
    let mut ranked: Vec<Ranked> = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while ranked.len() < count && !futures.is_empty() {
        futures.retain_mut(|future| match future.as_mut().poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(Ok(carrier)) => {
                ranked.push(carrier);
                false
            }
            Poll::Ready(Err(TooFewFlights)) => false,
        });
    }
    ranked.sort_by_key(|carrier| carrier.rank);
    ranked
}

/// Finds the rank of a carrier; better ones are found earlier. Gives way to others after each step.
#[monitored]
async fn rank(summary: &Summary, carrier: [u8; 2]) -> Result<Ranked, TooFewFlights> {
    let delays = summary.by_carrier[&carrier];
    if delays.flights < 100 {
        return Err(TooFewFlights);
    }
    let mut rank = 1;
    for other in summary.by_carrier.values().filter(|other| other.flights >= 100 && other.mean() < delays.mean()) {
        rank += usize::from(other.flights > 0);
        give_way().await;
    }
    Ok(Ranked { carrier, delays, rank })
}

async fn give_way() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
