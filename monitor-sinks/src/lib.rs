//! Store, queries and background thread of the crate `monitored`: everything that happens off the caller's thread.
//!
//! One background thread drains the registry of `monitor-core` on a grid of wall-clock time and commits what changed in
//! one transaction to one SQLite file. Queries open the same file read-only, in this process or in another one.
//!
//! ```text
//! config    monitor.toml: a monitor without a line of code
//! serve     a monitor that answers over HTTP
//! ask       PromQL over a store, and over what is not stored yet
//! http      the HTTP interface of Prometheus, over any source of series
//! runtime   Monitor, builder, background thread, schedule
//! sql       SELECT statements, and the tables that older scripts know
//! transfer  export and import of values
//! query     functions, series, distributions over a window
//! promql    PromQL over any source of series
//! host      what machine, container and process use
//! rule      alert rules: what they say, how an alert lives by them, tests and dry runs
//! notify    messages about alerts: outbox, notifier, channels
//! store     the file: schema, lease, row codec, writer, reader
//! exposition  the Prometheus and OpenMetrics text formats, line by line
//! util      varints, row guard, name distance, log lines
//! ```
//!
//! Each level knows only the levels below it. Invariants:
//!
//! - Recording never waits for a disk: a flush that fails leaves its values in the registry, and the next one takes them.
//! - A row is whole or absent. Rows that do not pass their checksum are skipped, reported, and made up for by the running
//!   totals of the rows after them.
//! - Nothing in the background panics the program, and nothing it meets goes unsaid: failures are counters of our own and
//!   one log line at each change of state.
//!
//! # Features
//!
//! - `sqlite` (default): the store, over a SQLite that is compiled in.
//! - `host` (default): sampling of the host.
//! - `promql`: PromQL over any source of series.
//! - `http`: the HTTP interface of Prometheus over any source of series; brings `promql` and a small web server.
//! - `rules`: alert rules over PromQL, their state and messages in the store, channels that need no network.
//! - `smtp`, `webhook`: the channels that do. `config`: monitor.toml, and rule files of Prometheus.
//! - `sqlite-system`: the same store, over the SQLite library of the system, 3.45.3 or newer.

#[cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
pub mod ask;
#[cfg(all(feature = "config", any(feature = "sqlite", feature = "sqlite-system")))]
pub mod config;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
mod error;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
mod exposition;
#[cfg(all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")))]
pub mod host;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
#[cfg_attr(not(feature = "promql"), allow(dead_code, reason = "only PromQL asks"))]
mod live;
#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
pub mod notify;
#[cfg(feature = "promql")]
pub mod promql;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub mod query;
#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
pub mod rule;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub mod runtime;
#[cfg(all(feature = "http", any(feature = "sqlite", feature = "sqlite-system")))]
mod serve;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub mod sql;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub mod store;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub mod transfer;
#[cfg(any(feature = "promql", feature = "sqlite", feature = "sqlite-system"))]
mod util;

#[cfg(all(test, any(feature = "sqlite", feature = "sqlite-system")))]
#[path = "../tests/common/registry.rs"]
mod registry;

#[cfg(all(test, any(feature = "sqlite", feature = "sqlite-system")))]
#[path = "../tests/common/random.rs"]
mod random;

#[cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
pub use self::ask::{Question, StoreSource};
#[cfg(all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")))]
pub use self::host::{Family, Host, HostSampling, TopProcess, TopProcesses};
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub use self::{
    error::Error,
    query::{
        FunctionStats, Group, Latest, Listed, Point, Points, Query, Reading, Resolution, Series, Steps, Stored, Summary,
    },
    runtime::{Builder, Monitor},
    sql::{Sql, SqlRows, SqlValue, TableExport, TableProgress},
    store::{BackupProgress, Loss, Retention, Salvage, SeriesInfo, Store, Warning},
    transfer::{Exported, Format, Import, Imported, Progress},
};
