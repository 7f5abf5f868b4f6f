//! Promise: `monitor serve` answers clients of Prometheus from a file, without changing it, until it is told to stop.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

fn monitor() -> Command {
    Command::new(env!("CARGO_BIN_EXE_monitor"))
}

/// A store with ten minutes of a counter.
fn store(folder: &Path) -> PathBuf {
    let (db, file) = (folder.join("m.db"), folder.join("rows.om"));
    let line = |half: u64| format!("rows_total{{table=\"a\"}} {} {}\n", half * 30, 1_700_000_000 + half * 30);
    let lines = (0..=20).map(line).collect::<Vec<_>>().concat();
    fs::write(&file, format!("# TYPE rows counter\n{lines}# EOF\n")).unwrap();
    assert!(monitor().arg("import").arg("--db").args([&db, &file]).output().unwrap().status.success());
    db
}

/// A server that is ended with the test.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(db: &Path, more: &[&str]) -> Running {
    let mut command = monitor();
    command.arg("serve").arg("--db").arg(db).args(["--listen", "127.0.0.1:0"]).args(more);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    Running { child, address }
}

fn get(address: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}Connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_file_is_asked_like_a_prometheus_and_is_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let before = fs::read(&db).unwrap();
    let mut running = serve(&db, &[]);
    let ask = |path: &str| get(&running.address, path, "").split("\r\n\r\n").nth(1).unwrap().to_owned();
    assert_eq!(
        ask("/api/v1/query_range?query=rate(rows_total[5m])&start=1700000300&end=1700000360&step=30"),
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"table":"a"},"values":[[1700000300,"1"],[1700000330,"1"],[1700000360,"1"]]}]}}"#
    );
    assert_eq!(
        ask("/api/v1/series?match[]=rows_total"),
        r#"{"status":"success","data":[{"__name__":"rows_total","table":"a"}]}"#
    );
    assert_eq!(ask("/api/v1/labels"), r#"{"status":"success","data":["__name__","table"]}"#);
    let metadata = r#"{"status":"success","data":{"rows_total":[{"help":"","type":"counter","unit":""}]}}"#;
    assert_eq!(ask("/api/v1/metadata"), metadata);
    assert_eq!(fs::read(&db).unwrap(), before);

    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_token_in_a_file_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let secret = "0123456789abcdef0123456789abcdef";
    let file = folder.path().join("token");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let running = serve(&db, &["--token-file", file.to_str().unwrap()]);
    assert!(get(&running.address, "/-/ready", "").starts_with("HTTP/1.1 401 "));
    let shown = format!("Authorization: Bearer {secret}\r\n");
    assert!(get(&running.address, "/-/ready", &shown).starts_with("HTTP/1.1 200 "));
}

#[test]
fn what_cannot_be_served_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let short = folder.path().join("short");
    fs::write(&short, "hunter2").unwrap();
    let short = short.to_str().unwrap();
    for (arguments, code, named) in [
        (&["--listen", "0.0.0.0:0"][..], 2, "must show a token"),
        (&["--listen", "127.0.0.1"], 2, "--listen"),
        (&["--token-file", short], 1, "at least 32 characters"),
        (&["--token-file", "no/such/file"], 1, "cannot read the token in no/such/file"),
    ] {
        let output = monitor().arg("serve").arg("--db").arg(&db).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(named) && !said.contains("hunter2"), "{said}");
    }
    let output = monitor().args(["serve", "--db", "no/such/m.db"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
