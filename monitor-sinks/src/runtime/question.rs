//! PromQL questions to a running monitor.

use super::{Monitor, thread::Command};
use crate::{
    ask::{Question, StoreSource},
    live::Live,
};

impl Monitor {
    /// A question in PromQL on everything that was recorded up to now, stored or not; see
    /// [`Store::promql`](crate::Store::promql) for the rest. Without what is not stored yet: `monitor.store().promql(...)`.
    ///
    /// Cost: beside that of the store, the background thread reads all cells once for each selector that reaches up to
    /// now, about a microsecond for each thread and call site that was used since the last time.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("metrics.db");
    /// let monitor = monitor_sinks::Monitor::builder().sqlite(path).start()?;
    /// monitor_core::counter!("rows_total", 3);
    /// assert_eq!(monitor.promql("rows_total").newest()?.first_float(), Some(3.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn promql(&self, text: impl Into<String>) -> Question {
        Question::new(self.promql_source(), text)
    }

    /// What was recorded up to now, stored or not, as a source of series: for [`promql::Query`](crate::promql::Query) with
    /// limits of its own, or for a server.
    #[must_use]
    pub fn promql_source(&self) -> StoreSource {
        let commands = self.commands.clone();
        let live = Live::new(move |look, patience| commands.send_timeout(Command::Look(look), patience).is_ok());
        self.store().promql_source().with_live(live)
    }
}
