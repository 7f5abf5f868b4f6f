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

    /// Returns once the program is asked to stop.
    pub(crate) fn wait(self) -> &'static str {
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
