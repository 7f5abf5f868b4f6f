//! Commands about alerts, where the program knows none.

use crate::{arguments::Alerting, exit::Exit, failure::Failure};

/// There is nothing that could be asked for.
pub(crate) const fn run(about: &Alerting) -> Result<Exit, Failure> {
    match *about {}
}
