//! A program that is run for each message.
//!
//! There is no shell, so that no text of an alert is ever read as a command. The program leads a process group of its own,
//! which is killed as a whole at the deadline: what it has started is not left behind.

use std::{
    ffi::OsString,
    fmt,
    io::{ErrorKind, Read, Write},
    process::{self, Child, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{Channel, Message, Receipt, Refusal, Secret, Settings, Severity, secret::without};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// How long the last words of a program that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// As much as is kept of what a program says.
const KEPT: u64 = 2_048;

/// Runs a program for each message, with the message as JSON on its standard input.
///
/// The variables `MONITORED_KEY`, `MONITORED_KIND`, `MONITORED_SEVERITY`, `MONITORED_RULE` and `MONITORED_TITLE` are set
/// for programs that do not read JSON. Its standard output is dropped; what it says on standard error becomes the reason
/// of a refusal.
///
/// It has taken the message if it ends with 0. With 65 the message is not tried again, with 77 or 78 somebody has to act
/// (`EX_DATAERR`, `EX_NOPERM` and `EX_CONFIG` of `sysexits.h`), with any other number it is tried later.
///
/// # Examples
///
/// ```
/// use monitor_sinks::notify::Command;
///
/// let channel = Command::new("/usr/local/bin/page").arg("--team").arg("ops");
/// ```
#[must_use = "a channel does nothing until it is given to a monitor"]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(String, Secret)>,
    settings: Settings,
}

impl Command {
    /// The program of this name or path.
    pub fn new(program: impl Into<OsString>) -> Self {
        let settings = Settings::default();
        Self { program: program.into(), arguments: Vec::new(), variables: Vec::new(), settings }
    }

    /// Adds an argument, which is handed over as it is.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment, for passwords and tokens.
    pub fn env(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.variables.push((name.into(), value));
        self
    }

    /// How long it may run before it is killed; 10 seconds if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Leaves out alerts that are less bad.
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.settings.min_severity = severity;
        self
    }

    fn spawn(&self, message: &Message) -> std::io::Result<Child> {
        let mut command = process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("MONITORED_KEY", message.idempotency_key())
            .env("MONITORED_KIND", message.kind.name())
            .env("MONITORED_SEVERITY", message.severity.name())
            .env("MONITORED_RULE", clean(&message.rule))
            .env("MONITORED_TITLE", clean(&message.title))
            .envs(self.variables.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    }
}

/// A variable cannot hold a zero byte.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, arguments, variables, settings } = self;
        f.debug_struct("Command")
            .field("program", program)
            .field("arguments", arguments)
            .field("variables", variables)
            .field("settings", settings)
            .finish()
    }
}

impl Channel for Command {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        let secrets: Vec<&str> = self.variables.iter().map(|(_, value)| value.expose()).collect();
        without(self.run(message, deadline), &secrets)
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

impl Command {
    fn run(&self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        let program = self.program.display();
        let json = serde_json::to_string(message).map_err(|error| Refusal::of_message(error.to_string()))?;
        let mut child = self.spawn(message).map_err(|error| {
            let reason = format!("cannot run {program}: {error}");
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => Refusal::of_channel(reason),
                _ => Refusal::transient(reason),
            }
        })?;
        feed(&mut child, json);
        let words = listen(&mut child);
        match wait(&mut child, deadline) {
            Ok(Some(status)) if status.success() => Ok(Receipt::new(status.to_string())),
            Ok(Some(status)) => {
                let said = words.recv_timeout(LAST_WORDS).unwrap_or_default();
                Err(refused(status, &format!("{program} ended with {status}: {said}")))
            }
            Ok(None) => Err(Refusal::transient(format!(
                "{program} was killed because it did not end within {:?}",
                self.settings.timeout
            ))),
            Err(error) => Err(Refusal::transient(format!("cannot wait for {program}: {error}"))),
        }
    }
}

fn refused(status: ExitStatus, reason: &str) -> Refusal {
    match status.code() {
        Some(65) => Refusal::of_message(reason),
        Some(77 | 78) => Refusal::of_channel(reason),
        _ => Refusal::transient(reason),
    }
}

/// Writes to a program, in a thread of its own: it may not read.
fn feed(child: &mut Child, json: String) {
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || stdin.write_all(json.as_bytes()));
    }
}

/// Reads what a program says, in a thread of its own: it may say much, and what it started may go on after it.
fn listen(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, words) = mpsc::channel();
    if let Some(mut stderr) = child.stderr.take() {
        thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.by_ref().take(KEPT).read_to_end(&mut said);
            let _ = sender.send(String::from_utf8_lossy(&said).into_owned());
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        });
    }
    words
}

/// Waits for the end of a program; `None` if it had to be killed.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill(child);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK.min(deadline.saturating_duration_since(Instant::now())));
    }
}

/// Kills a program that has not been waited for, and all that it has started.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
}
