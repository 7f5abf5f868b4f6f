//! PromQL questions to a running monitor.

use super::Monitor;
use crate::ask::Question;

impl Monitor {
    /// A question in PromQL on what has been stored; see [`Store::promql`](crate::Store::promql). Call
    /// [`flush`](Self::flush) before to include the current interval.
    pub fn promql(&self, text: impl Into<String>) -> Question {
        self.store().promql(text)
    }
}
