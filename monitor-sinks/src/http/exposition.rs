//! Text for a scrape: the Prometheus text format, version 0.0.4, or OpenMetrics 1.0.0.
//!
//! Both are families of lines with the same labels and values, but for what a family is called and how it is declared.
//! Neither has native histograms, so these are written as classic ones: a cumulative bucket for each that is in use.
//! Series whose names or labels these formats cannot spell are left out.

use std::{collections::BTreeMap, fmt::Write as _};

use super::api::LE;
use crate::promql::{Element, Histogram, Labels, Metadata, Value};
