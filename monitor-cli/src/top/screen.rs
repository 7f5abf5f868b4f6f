//! The terminal, in raw mode and on its second screen.
//!
//! Invariant: it is given back as it was however the program ends, but for SIGKILL: when a [`Screen`] is dropped, and, by a
//! hook that ratatui sets, before a panic is told of. Signals that ask for the end are waited for by whoever draws.

use std::io;

use ratatui::{DefaultTerminal, buffer::Buffer, crossterm::terminal, layout::Rect};

/// A terminal that is drawn on, until this is dropped.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // It may have got half-way.
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    /// Draws a frame. Only what is different from the one before is sent.
    pub(super) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        self.0.draw(|frame| draw(frame.area(), frame.buffer_mut())).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The cursor is hidden while a frame is drawn.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// How many columns the terminal has, if it says so.
pub(super) fn width() -> Option<u16> {
    terminal::size().ok().map(|(columns, _)| columns)
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What is run in a terminal of its own by the test below.
    #[test]
    #[ignore = "panics, and needs a terminal; the test below gives it one"]
    fn a_panic_on_the_screen() {
        let mut screen = Screen::open().unwrap();
        screen.draw(|_, _| panic!("in the middle of a frame")).unwrap();
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told_of() {
        let this = std::env::current_exe().unwrap();
        let panicking =
            format!("{} --ignored --exact top::screen::tests::a_panic_on_the_screen --nocapture", this.display());
        // `script` makes a terminal; it is part of every Linux.
        let mut run = Command::new("script");
        run.args(["-qec", &format!("{panicking}; stty -a"), "/dev/null"]).stdin(Stdio::null());
        let Ok(output) = run.output() else {
            assert!(std::env::var_os("CI").is_none(), "`script` of util-linux is needed");
            eprintln!("skipped: there is no `script`, which makes a terminal");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let (on_screen, after) = text.split_once("\u{1b}[?1049l").unwrap_or_else(|| panic!("{text}"));
        assert!(on_screen.contains("\u{1b}[?1049h") && !on_screen.contains("in the middle"), "{text}");
        assert!(after.contains("in the middle of a frame"), "{text}");
        assert!(after.contains(" icanon") && after.contains(" echo "), "{text}");
    }
}
