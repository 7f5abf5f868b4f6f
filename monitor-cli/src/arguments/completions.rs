//! `monitor completions`.

use clap::Args;
use clap_complete::Shell;

pub(super) const NOTES: &str = "\
Examples:
  monitor completions bash > ~/.local/share/bash-completion/completions/monitor
  monitor completions zsh > ~/.zfunc/_monitor     with fpath+=~/.zfunc before compinit in ~/.zshrc
  monitor completions fish > ~/.config/fish/completions/monitor.fish

Exit codes:
  0  printed, also if nobody reads to the end
  2  there is no such shell";

/// Which shell is to be taught.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
