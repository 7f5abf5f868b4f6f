//! Promise: a secret is found nowhere: not in the store, not in what the program says, not in what is printed of its
//! settings, not in the messages of other channels; though receivers repeat what they were sent, and programs what they were
//! given.
#![cfg(all(unix, feature = "config", feature = "sqlite"))]

mod common;

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::config::Config;

const CHILD: &str = "MONITORED_SECRETS_CHILD";

/// The beginning of all secrets.
const PLANTED: &str = "pl4nted";

/// Longer than any request takes.
const SOON: Duration = Duration::from_secs(30);

/// A server that refuses each request with all that it was sent; the paths that were asked for.
fn echo() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, paths) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || answer(&stream, &sender));
        }
    });
    (port, paths)
}

fn answer(mut stream: &TcpStream, paths: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let at = head.len();
        reader.read_line(&mut head).ok().filter(|&bytes| bytes > 0)?;
        let line = head[at..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // Secrets first: only the beginning of an answer is kept.
    let secret = |text: &str| text.to_ascii_lowercase().contains(PLANTED);
    let mut said: String = head.lines().filter(|line| secret(line)).map(|line| line.to_owned() + "; ").collect();
    let body = String::from_utf8_lossy(&body);
    let at = body.find(PLANTED).map_or(0, |at| at.saturating_sub(20));
    said.extend(body.chars().skip(at).take(60));
    let answer = format!("HTTP/1.1 503 No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len());
    stream.write_all(answer.as_bytes()).ok()?;
    paths.send(head.split(' ').nth(1)?.to_owned()).ok()
}

/// Settings with a channel of each kind, each of which fails.
fn settings(folder: &Path, port: u16) -> String {
    fs::write(folder.join("token"), format!("Bearer {PLANTED}-token\n")).unwrap();
    let mut text = String::from("[store]\npath = 'm.db'\n[[rule]]\nname = 'queue'\nexpr = 'queue > 10'\n");
    let at = format!("http://127.0.0.1:{port}");
    for (name, lines) in [
        (
            "hook",
            format!(
                "type = 'webhook'\nurl_env = 'HOOK_URL'\nauthorization_file = 'token'\nsigning_key = '{PLANTED}-sign'"
            ),
        ),
        ("headed", format!("type = 'webhook'\nurl = '{at}/headed'\nheaders = {{ X-Key = '{PLANTED}-head' }}")),
        ("asked", format!("type = 'webhook'\nurl = '{at}?key={PLANTED}-query'")),
        ("chat", format!("type = 'slack'\nurl = '{at}/services/{PLANTED}-slack'")),
        ("pager", format!("type = 'pagerduty'\nrouting_key = '{PLANTED}-route'\nurl = '{at}/pager'")),
        ("down", format!("type = 'discord'\nurl = 'http://127.0.0.1:9/{PLANTED}-down'")),
        ("lost", format!("type = 'teams'\nurl = 'https://nobody.invalid/{PLANTED}-teams'")),
        ("held", format!("type = 'alertmanager'\nurl = '{at}/held'\nauthorization = 'Basic {PLANTED}-basic'")),
        (
            "page",
            format!(
                "type = 'command'\ncommand = ['/bin/sh', '-c', 'echo $KEY >&2; echo >> paged; exit 1']\nenv = {{ KEY = '{PLANTED}-env' }}"
            ),
        ),
        (
            "mail",
            format!(
                "type = 'email'\nsmtp_server = '127.0.0.1'\nsmtp_port = {port}\nusername = 'a@b.example'\npassword = '{PLANTED}-mail'\nrecipients = ['c@d.example']\ntimeout = '500ms'"
            ),
        ),
        ("log", String::from("type = 'stderr'")),
        ("file", String::from("type = 'file'\npath = 'alerts.jsonl'")),
    ] {
        writeln!(text, "[channels.{name}]\n{lines}").unwrap();
    }
    text
}

/// Prints all that can be printed, tells an alert through all channels, and ends when it is told to.
#[test]
fn child_whose_receivers_repeat_what_they_are_sent() {
    let Some(folder) = env::var_os(CHILD).map(PathBuf::from) else { return };
    env::set_current_dir(&folder).unwrap();
    let file = folder.join("monitor.toml");
    let config = Config::read(&file).unwrap();
    println!("{config:?} {config:#?} {:?}", config.rules());
    drop(config);
    let feed = Feed::default();
    let builder = builder(&folder.join("m.db")).flush_every(Duration::from_millis(50)).config(&file);
    println!("{builder:?} {builder:#?}");
    let monitor = builder.start_with(feed.source()).unwrap();
    println!("{monitor:?}");
    feed.with(|registry| registry.gauge("queue", &[], 20.0));
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    // Settings with mistakes beside secrets.
    let sound = fs::read_to_string(&file).unwrap();
    for (from, to) in
        [("routing_key = ", "routing_kye = "), ("'\npassword", "\npassword"), ("password = '", "password = \"")]
    {
        assert!(sound.contains(from));
        fs::write(&file, sound.replace(from, to)).unwrap();
        let error = monitor.reload().unwrap_err();
        println!("{error} {error:?} {error:#?}");
    }
    fs::write(&file, sound).unwrap();
    println!("{:?}", monitor.alerts().unwrap());
    monitor.shutdown().unwrap();
    println!("\nthe end");
}

/// Row 24 of the failure matrix.
#[test]
fn no_secret_is_found_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (port, paths) = echo();
    fs::write(folder.path().join("monitor.toml"), settings(folder.path(), port)).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_whose_receivers_repeat_what_they_are_sent", "--nocapture"])
        .env(CHILD, folder.path())
        .env("HOOK_URL", format!("http://127.0.0.1:{port}/hook/{PLANTED}-url"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let read = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).map(|_| text)
        })
    };
    let (out, err) = (read(Box::new(child.stdout.take().unwrap())), read(Box::new(child.stderr.take().unwrap())));
    // Each has been asked once; what came of it is then in the store soon.
    let mut wanted = vec!["/hook/", "/headed", "key=", "/services/", "/pager", "/held"];
    while !wanted.is_empty() {
        let path = paths.recv_timeout(SOON).unwrap_or_else(|_| panic!("nobody asked for {wanted:?}"));
        wanted.retain(|part| !path.contains(part));
    }
    let channels = ["asked", "chat", "down", "headed", "hook", "lost", "mail", "page", "pager"];
    let begun = Instant::now();
    while failed(folder.path()) != channels {
        assert!(begun.elapsed() < SOON, "only {:?} have failed", failed(folder.path()));
        thread::sleep(Duration::from_millis(20));
    }
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let status = child.wait().unwrap();
    let (out, err) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());
    assert!(status.success() && out.contains("\nthe end"), "{out}{err}");

    assert!(err.contains("the Alertmanager does not take alerts: ") && err.contains("(hidden)"), "{err}");
    assert!(out.contains("[channels.pager] has no secret; add one of routing_key"), "{out}");
    let mut shown = vec![(String::from("standard output"), out), (String::from("standard error"), err)];
    for file in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name != "monitor.toml" && name != "token" {
            shown.push((name, String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()));
        }
    }
    assert!(shown.iter().any(|(name, text)| name == "m.db" && text.contains("the receiver answered 503")));
    // Passwords are said in base64, too.
    for form in [PLANTED, "cGw0bnRlZ", "wbDRudGVk", "BsNG50ZW"] {
        for (name, text) in &shown {
            let at = text.find(form).map(|at| text[at.saturating_sub(100)..].chars().take(200).collect::<String>());
            assert_eq!(at, None, "{form} is in {name}");
        }
    }
}

/// The channels that have failed.
fn failed(folder: &Path) -> Vec<String> {
    let Ok(connection) = rusqlite::Connection::open(folder.join("m.db")) else { return Vec::new() };
    let query = "SELECT DISTINCT channel FROM outbox WHERE last_error IS NOT NULL ORDER BY channel";
    let Ok(mut statement) = connection.prepare(query) else { return Vec::new() };
    statement.query_map([], |row| row.get(0)).map(|rows| rows.filter_map(Result::ok).collect()).unwrap_or_default()
}
