//! Taking values out of a store and putting values from elsewhere into one.
//!
//! - `export`: [`Query::export`](crate::Query::export), which pages through what matches; `csv`, `json`, `openmetrics`:
//!   the three forms.
//! - `import`: [`Import`], which reads OpenMetrics and Prometheus text; `lines`: lines of bounded length; `meaning`: what
//!   a line means; `stage`: sorting what does not fit into memory; `assemble`: from sorted samples to stretches of series.
//! - `stored`: what an export says of a series, so that an import brings back the same one.
//!
//! Both use bounded memory, whatever the size of the store or of the text. An export holds no transaction while it
//! writes, so that a reader that is paused does not stand in the way of a recording. An import is complete or has not
//! happened.

mod assemble;
mod csv;
mod export;
mod import;
mod json;
mod lines;
mod meaning;
mod openmetrics;
mod stage;
mod stored;

pub use self::{
    export::{Exported, Format},
    import::{Import, Imported, Progress},
};
