//! The machine as an origin of samples beside the registry.

use std::sync::Arc;

use monitor_core::Sample;

use super::{
    Builder,
    sampler::{Sampler, Settings},
};
use crate::{
    error::Error,
    host::{Host, HostSampling},
    store::Origin,
};

impl Builder {
    /// Samples the machine as well: CPU, memory, disks, network, processes, this process and its container.
    ///
    /// The samples are taken by the background thread and stored at once, whatever [`flush_every`](Self::flush_every)
    /// says; the first when the monitor starts, the last when it ends. What can be slow has a thread of its own,
    /// `monitored-host`. Given several times, the last one counts. Default: the machine is not sampled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use monitor_sinks::{HostSampling, Monitor};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("metrics.db");
    /// let host = HostSampling::every(Duration::from_secs(30));
    /// let monitor = Monitor::builder().sqlite(path).host(host).start()?;
    /// monitor.flush()?;
    /// let available = monitor.query().metric("system_memory_available_bytes").series()?;
    /// assert!(available[0].last().is_some_and(|point| point.value > 0.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn host(mut self, sampling: HostSampling) -> Self {
        self.samplers.set(Arc::new(sampling));
        self
    }
}

impl Settings for HostSampling {
    fn origin(&self) -> Origin {
        Origin::Host
    }

    fn name(&self) -> &'static str {
        "the host"
    }

    fn open(&self) -> Result<Box<dyn Sampler>, Error> {
        Ok(Box::new(Host::open(self.clone())?))
    }
}

impl Sampler for Host {
    fn due_us(&self) -> i64 {
        Self::due_us(self)
    }

    fn sample(&mut self, at_us: i64) {
        Self::sample(self, at_us);
    }

    fn samples(&self) -> Box<dyn Iterator<Item = Sample<'_>> + '_> {
        Box::new(Self::samples(self))
    }

    fn delivered(&mut self) {
        Self::delivered(self);
    }
}
