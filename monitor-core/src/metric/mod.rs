//! Metrics of the user's: counters, gauges, histograms and timers, with tags.
//!
//! Three ways lead to the same series: a macro at the place of use (`counter!("rows_loaded", 17, "table" => "flights")`),
//! a static (`static ROWS: Counter = Counter::new("rows_loaded")`), and a name known at run time
//! (`Counter::named("rows_loaded").tag("table", table).register()?`). A name belongs to one [`Family`](family::Family)
//! however it was reached; a family holds one series for each set of tags.
//!
//! Tags are looked up in lock-free tables, so a record with tags known only at run time neither locks nor allocates once
//! its series exists. A family holds at most [`series_limit`] series, and all together [`total_series_limit`]; what comes
//! after that is counted in one series with the tag `overflow="true"`, so that totals stay right while memory stays bounded.

mod builder;
mod counter;
mod declared;
pub(crate) mod family;
mod gauge;
mod histogram;
mod macros;
mod series;
mod timer;
mod value;

pub use builder::{Handle, MetricBuilder};
pub use counter::{Counter, CounterHandle};
pub use declared::assert_tag_keys;
pub use family::{series_limit, set_series_limit, set_total_series_limit, total_series_limit};
pub use gauge::{Gauge, GaugeHandle};
pub use histogram::{Histogram, HistogramHandle};
pub(crate) use series::{Data, Series, registered};
pub use timer::{Timer, TimerHandle, TimerSpan};
pub use value::{CountValue, SampleValue};
