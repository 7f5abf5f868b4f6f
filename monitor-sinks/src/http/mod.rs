//! The HTTP interface of Prometheus, over any source of series, for reading.
//!
//! Grafana, `promtool` and whatever else asks a Prometheus can ask this server: paths, parameters, status codes and JSON
//! are those of Prometheus 3. What is recorded can also be scraped (`/metrics`, `/federate`).
//!
//! ```text
//! server      settings, the thread, start and stop
//! connection  accepting, limits on connections, heads and time
//! guard       who may ask: hosts, origins, tokens; headers of every response
//! api         the table of routes; questions off the thread that serves connections
//! ├ evaluate    query, query_range, format_query
//! ├ tree        parse_query
//! ├ series      labels, label values, series
//! ├ status      what a server says of itself, and lists that are empty here
//! └ expose      /metrics, /federate
//! exposition  text for a scrape
//! parameter   what was asked: times, durations, selectors    answer   what is replied    json   values as JSON
//! ```
//!
//! Invariants:
//!
//! - Nothing here can write: a source can only be read, and no route does anything else.
//! - Every route stands behind the guard, those that do not exist as well.
//! - One client cannot keep others waiting. The thread that serves connections computes nothing; questions go to a
//!   bounded number of other threads, each with a deadline. Heads, bodies, connections and the time of each are limited.
//! - A server that can be reached from other machines has a token, or does not start.

mod answer;
mod api;
mod connection;
mod error;
mod evaluate;
mod expose;
mod exposition;
mod guard;
mod json;
mod parameter;
mod series;
mod server;
mod status;
mod token;
mod tree;
mod unread;

pub use self::{
    error::{Error, parse_address},
    server::{Builder, Server},
    token::Token,
};
