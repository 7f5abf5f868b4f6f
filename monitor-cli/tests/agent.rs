//! Promise: `monitor agent` records this machine until it is told to stop, says what it does, and loses nothing that it
//! was able to store.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use monitor_sinks::Store;
use rusqlite::Connection;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Agent {
    child: Child,
    out: BufReader<ChildStdout>,
    first_line: String,
    folder: tempfile::TempDir,
}

fn monitor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monitor"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    monitor().args(arguments).output().unwrap()
}

impl Agent {
    /// Starts one that samples ten times a second, and waits for its first line.
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = monitor();
        command.args(["agent", "--every", "100ms", "--db"]).arg(folder.path().join("m.db")).args(more);
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first_line = String::new();
        out.read_line(&mut first_line).unwrap();
        Self { child, out, first_line, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("m.db")
    }

    fn store(&self) -> Store {
        Store::open_read_only(self.path()).unwrap()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the store has this many samples of the processor, whose share changes all the time.
    fn wait_for_samples(&self, count: usize) {
        let start = Instant::now();
        while samples(&self.path(), "cpu_percent_total") < count {
            assert!(start.elapsed() < PATIENCE, "the agent stores what it samples");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end: the exit code, the rest of what it printed, and what it complained of.
    fn end(&mut self) -> (Option<i32>, String, String) {
        let (mut out, mut complaints) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (self.child.wait().unwrap().code(), out, complaints)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn samples(path: &Path, metric: &str) -> usize {
    let asked = Store::open_read_only(path).and_then(|store| store.query().metric(metric).series());
    asked.map_or(0, |series| series.iter().map(|series| series.points.len()).sum())
}

#[test]
fn it_says_what_it_does_and_stores_everything_when_it_is_told_to_stop() {
    for signal in ["TERM", "INT"] {
        let mut agent = Agent::start(&["--service", "web-1"]);
        for word in ["every 100ms", "m.db", "web-1", "SIGTERM", "Store::open_read_only"] {
            assert!(agent.first_line.contains(word), "{}", agent.first_line);
        }
        agent.wait_for_samples(5);
        agent.signal(signal);
        let (code, out, complaints) = agent.end();
        assert_eq!((code, complaints.as_str()), (Some(0), ""));
        assert!(out.contains(&format!("SIG{signal}")) && out.lines().count() == 1, "{out}");

        let series = agent.store().query().metric("system_memory_available_bytes").series().unwrap();
        assert!(series[0].service == "web-1" && series[0].points.len() >= 5, "{series:?}");
        assert!(agent.store().check().unwrap().is_empty());
        assert!(!agent.path().with_extension("db-wal").exists(), "the log is in the file");
    }
}

#[test]
fn a_killed_agent_leaves_a_file_that_can_be_read_and_recorded_to() {
    let mut agent = Agent::start(&[]);
    agent.wait_for_samples(5);
    agent.signal("KILL");
    let (code, ..) = agent.end();
    assert_eq!(code, None);
    let before = samples(&agent.path(), "cpu_percent_total");
    assert!(before >= 5 && agent.store().check().unwrap().is_empty());

    let mut next = monitor().args(["agent", "--every", "100ms", "--db"]).arg(agent.path()).spawn().unwrap();
    agent.wait_for_samples(before + 3);
    next.kill().unwrap();
    next.wait().unwrap();
}

#[test]
fn a_second_agent_on_the_same_file_is_refused() {
    let agent = Agent::start(&[]);
    let second = run(&["agent", "--db", agent.path().to_str().unwrap()]);
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(3), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(complaint.contains("m.db") && complaint.contains(&agent.child.id().to_string()), "{complaint}");
    agent.wait_for_samples(1);
}

#[test]
fn what_cannot_work_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let path = path.to_str().unwrap();
    for (arguments, code, word) in [
        (&["agent"][..], 2, "--db"),
        (&["agent", "--db", path, "--every", "10"], 2, "such as 10s"),
        (&["agent", "--db", path, "--every", "2h"], 2, "100ms to 1h"),
        (&["agent", "--db", path, "--top", "99"], 2, "0 to 32"),
        (&["agent", "--db", path, "--textfiles", "/no/such/dir"], 2, "/no/such/dir"),
        (&["agent", "--db", "/no/such/folder/m.db"], 1, "/no/such/folder"),
        (&["agent", "--db", "/"], 1, "folder"),
    ] {
        let output = run(arguments);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        assert!(complaint.contains(word) && !complaint.contains("panicked"), "{arguments:?}: {complaint}");
        assert!(output.stdout.is_empty());
    }
    assert!(!Path::new(path).exists(), "a refused start leaves no file");
}

#[test]
fn values_of_other_programs_are_read_from_files() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("backup.prom"), "# TYPE backup_age_seconds gauge\nbackup_age_seconds 17\n").unwrap();
    fs::write(files.path().join("broken.prom"), "backup_size\n").unwrap();
    let mut agent = Agent::start(&["--textfiles", files.path().to_str().unwrap()]);
    let start = Instant::now();
    while samples(&agent.path(), "backup_age_seconds") < 2 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    agent.signal("TERM");
    let (code, _, complaints) = agent.end();
    assert_eq!(code, Some(0));
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.contains("broken.prom is left out: line 1"), "{complaints}");
    let series = agent.store().query().metric("backup_age_seconds").series().unwrap();
    assert_eq!(series[0].last().unwrap().value.to_bits(), 17.0_f64.to_bits());
    let error = agent.store().query().metric("monitored_textfile_scrape_error").tag("file", "broken.prom").series();
    assert_eq!(error.unwrap()[0].last().unwrap().value.to_bits(), 1.0_f64.to_bits());
}

/// A store that nobody can write to until the connection is dropped.
fn lock(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[test]
fn last_values_that_cannot_be_stored_are_a_failure() {
    let mut agent = Agent::start(&[]);
    agent.wait_for_samples(1);
    let _lock = lock(&agent.path());
    agent.signal("TERM");
    let (code, out, complaints) = agent.end();
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(complaints.contains("locked"), "{complaints}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut agent = Agent::start(&[]);
    agent.wait_for_samples(1);
    let _lock = lock(&agent.path());
    agent.signal("TERM");
    let start = Instant::now();
    // The first one has to be taken before the second is sent, as two at once are one.
    while agent.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
        agent.signal("TERM");
    }
    assert_eq!(agent.child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_closed_output_is_no_reason_to_stop() {
    let mut agent = Agent::start(&[]);
    agent.out = BufReader::new(Command::new("true").stdout(Stdio::piped()).spawn().unwrap().stdout.take().unwrap());
    agent.wait_for_samples(3);
    agent.signal("TERM");
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
}
