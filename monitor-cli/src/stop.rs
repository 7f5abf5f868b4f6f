//! Waits for the signals that ask a program to stop.
//!
//! The handlers are in place before anything is opened, so that a signal during the start is not lost. A hang-up is left
//! to the system: who starts the agent with `nohup` wants it to go on. Only for a program with settings that can be read
//! anew, and for a service, it is the wish that they are.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};

/// How a shell reports a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// What a signal asks for.
pub(crate) enum Asked {
    /// That the program stops; with the name of how.
    Stop(&'static str),
    /// That it reads its settings anew.
    Reload,
}

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

    /// Takes a hang-up as the wish that settings are read anew.
    pub(crate) fn expect_reloads(&self) -> io::Result<()> {
        self.signals.handle().add_signal(SIGHUP)
    }

    /// Returns once the program is asked for something.
    pub(crate) fn next(&mut self) -> Asked {
        match self.signals.forever().next() {
            Some(SIGHUP) => Asked::Reload,
            Some(SIGINT) => Asked::Stop("SIGINT"),
            _ => Asked::Stop("SIGTERM"),
        }
    }

    /// Returns once the program is asked to stop, with the name of how.
    pub(crate) fn wait(mut self) -> &'static str {
        loop {
            if let Asked::Stop(signal) = self.next() {
                return signal;
            }
        }
    }
}
