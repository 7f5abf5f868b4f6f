//! Waits for the signals that ask a program to stop, where the system has no way to wait for them: it looks now and then.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Short enough for whoever waits for the end, long enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a signal asks for.
#[allow(dead_code, reason = "where there are hang-ups, only tests see this")]
pub(crate) enum Asked {
    /// That the program stops; with the name of how.
    Stop(&'static str),
    /// That it reads its settings anew; there is no signal for that here.
    Reload,
}

/// The wish that the program stops.
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn prepare() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { asked })
    }

    #[allow(dead_code, clippy::unnecessary_wraps, clippy::unused_self, reason = "as where there are hang-ups")]
    pub(crate) fn expect_reloads(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns once the program is asked for something.
    #[allow(dead_code, reason = "tests where there are hang-ups")]
    pub(crate) fn next(&mut self) -> Asked {
        Asked::Stop(self.asked())
    }

    /// Returns once the program is asked to stop.
    pub(crate) fn wait(self) -> &'static str {
        self.asked()
    }

    fn asked(&self) -> &'static str {
        // Relaxed: nothing else is passed by it.
        while !self.asked.load(Ordering::Relaxed) {
            thread::sleep(LOOK_EVERY);
        }
        "a signal"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_ends_the_waiting() {
        let stop = Stop::prepare().unwrap();
        let waiting = thread::spawn(|| stop.wait());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(waiting.join().unwrap(), "a signal");
    }
}
