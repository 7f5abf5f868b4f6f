//! What a builder is still to be told when it starts, and can be told anew while its monitor runs.
//!
//! The runtime knows nothing of where that comes from; a file of settings is one such place.

use std::{fmt::Debug, sync::Arc};

use super::{Builder, Monitor, thread::Command};
use crate::{error::Error, util::report};

/// Settings that are looked up when they are needed.
pub(crate) trait Plan: Debug + Send + Sync {
    /// The builder with these settings beside those that it had.
    fn apply(&self, builder: Builder) -> Result<Builder, Error>;
}

/// A plan, and what it is applied to.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) plan: Arc<dyn Plan>,
    pub(super) base: Builder,
    /// What is taken at a start only, as it was then.
    pub(super) fixed: String,
}

impl Renewal {
    pub(super) fn builder(&self) -> Result<Builder, Error> {
        self.plan.apply(self.base.clone())
    }
}

#[allow(dead_code, reason = "nothing else has a plan")]
impl Builder {
    /// Leaves the rest of the settings to a plan; the last one counts.
    pub(crate) fn plan(mut self, plan: Arc<dyn Plan>) -> Self {
        self.plan = Some(plan);
        self
    }
}

#[allow(dead_code, reason = "nothing else has a plan")]
impl Monitor {
    /// Applies the plan anew and takes over what can be changed while it runs. If anything is wrong, all stays as it was.
    pub(crate) fn renew(&self) -> Result<(), Error> {
        let renewal = self.renewal.as_ref().ok_or_else(|| {
            Error::setting("this monitor was not started with a file of settings; start it with Monitor::from_config")
        })?;
        let builder = renewal.builder()?;
        let is_same = builder.fixed() == renewal.fixed;
        self.ask(|reply| Command::Renew(Box::new(builder.invited), reply))?;
        if !is_same {
            report::line(format_args!(
                "the settings say something else of the store or of the machine than at the start; that counts from the \
                 next start on"
            ));
        }
        Ok(())
    }
}
