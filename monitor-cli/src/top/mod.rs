//! `monitor top`: functions and the machine, live in a terminal, while another process records them.
//!
//! - `snapshot`, `host`, `alerts`: what there is to see, read from the store.
//! - `state`: what of it is shown, and what keys do to that; `view`: how it is drawn. Both are pure.
//! - `screen`: the terminal, which is given back in any case.
//!
//! The store is asked in the thread that draws: a question takes milliseconds, and what is drawn is of one moment. Between
//! two looks the program sleeps but for keys and signals.

#[cfg(feature = "alerts")]
mod alerts;
#[cfg(not(feature = "alerts"))]
#[path = "alerts_not.rs"]
mod alerts;
mod host;
mod screen;
mod snapshot;
mod state;
mod view;

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use monitor_sinks::Store;
use ratatui::crossterm::event::{self, Event};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use self::{
    screen::Screen,
    snapshot::Snapshot,
    state::{Output, State, Wish},
};
use crate::{arguments::Top, colour, exit::Exit, failure::Failure};

/// How long a signal may have to wait.
const LOOK_FOR_SIGNALS_EVERY: Duration = Duration::from_millis(200);

/// The width of a frame that is printed where no terminal is.
const PRINTED_WIDTH: u16 = 120;

/// Watches, or prints what there is to see.
pub(crate) fn run(top: &Top) -> Result<Exit, Failure> {
    let is_terminal = io::stdout().is_terminal();
    if !(is_terminal || top.once || top.json) {
        let db = top.db.display();
        return Err(Failure::Usage(format!(
            "top draws on a terminal, and standard output is none; print the same once with `monitor functions --db {db}`, \
             or a frame with `monitor top --db {db} --once`"
        )));
    }
    let store = Store::open_read_only(&top.db)?;
    let mut state = State::new(store.path(), top.last, top.every);
    state.show(Snapshot::read(&store, top.service.as_deref(), top.last)?);
    if top.json {
        let _ = writeln!(io::stdout(), "{}", state.snapshot.json());
    } else if top.once {
        let width = if is_terminal { screen::width() } else { None };
        let _ = io::stdout().write_all(view::text(&state, width.unwrap_or(PRINTED_WIDTH)).as_bytes());
    } else {
        state.output = if colour::is_wanted() { Output::Coloured } else { Output::Plain };
        watch(top, &store, &mut state)?;
    }
    Ok(Exit::Done)
}

/// Draws until a key or a signal ends it.
fn watch(top: &Top, store: &Store, state: &mut State) -> Result<(), Failure> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&is_stopped)).map_err(Failure::Signals)?;
    }
    let mut screen = Screen::open().map_err(Failure::Terminal)?;
    let mut next_look = Instant::now() + top.every;
    loop {
        screen.draw(|area, buffer| view::draw(state, area, buffer)).map_err(Failure::Terminal)?;
        match wait(state, &is_stopped, next_look).map_err(Failure::Terminal)? {
            Wish::Quit => return Ok(()),
            Wish::Draw => {}
            Wish::Look => {
                match Snapshot::read(store, top.service.as_deref(), state.window) {
                    Ok(snapshot) => state.show(snapshot),
                    // It may be able to the next time, such as when a writer starts.
                    Err(error) => state.snapshot.notices = vec![format!("cannot look again: {error}")],
                }
                next_look = Instant::now() + top.every;
            }
        }
    }
}

/// Waits until there is something to do.
fn wait(state: &mut State, is_stopped: &AtomicBool, next_look: Instant) -> io::Result<Wish> {
    loop {
        // Relaxed: nothing else is passed by it.
        if is_stopped.load(Ordering::Relaxed) {
            return Ok(Wish::Quit);
        }
        let left = next_look.saturating_duration_since(Instant::now());
        if left.is_zero() && !state.is_paused {
            return Ok(Wish::Look);
        }
        let patience = if state.is_paused { LOOK_FOR_SIGNALS_EVERY } else { left.min(LOOK_FOR_SIGNALS_EVERY) };
        if event::poll(patience)? {
            match event::read()? {
                Event::Key(key) => return Ok(state.key(key)),
                Event::Resize(..) => return Ok(Wish::Draw),
                _ => {}
            }
        }
    }
}
