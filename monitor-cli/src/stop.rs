//! Waits for the signals that ask a program to stop.
//!
//! The handlers are in place before anything is opened, so that a signal during the start is not lost. A hang-up is left
//! to the system: who starts the agent with `nohup` wants it to go on.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};

/// How a shell reports a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// The wish that the program stops.
pub(crate) struct Stop {
    signals: Signals,
}

impl Stop {
    pub(crate) fn prepare() -> io::Result<Self> {
        // Set by the first signal; the second one finds it set and ends the program.
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { signals: Signals::new([SIGINT, SIGTERM])? })
    }

    /// Returns once the program is asked to stop, with the name of how.
    pub(crate) fn wait(mut self) -> &'static str {
        match self.signals.forever().next() {
            Some(SIGINT) => "SIGINT",
            _ => "SIGTERM",
        }
    }
}
