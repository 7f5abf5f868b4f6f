//! Values that other programs leave in files: the `*.prom` files of one directory.
//!
//! A file is read again when it was replaced or written to, and its values count for as long as it is there; how old they
//! are is a metric. A file that cannot be used is left out as a whole, since half of one would be taken for all of it,
//! and the others go on. One line on standard error names the file, the line and the cure when that begins, and one says
//! when it is over.
//!
//! The directory belongs to others, so everything has a bound: size, number of files, number of series. Where two files
//! give the same series, or one metric two types, the first by name counts and the other one is refused.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use monitor_core::{MetricKind, SeriesKey};

use super::{
    exposition::{Mistake, Reading, parse},
    record::{Record, Slot},
    task::{Reader, Turn},
};
use crate::{error::Error, util::report};

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The most files that are read.
const MOST_FILES: usize = 100;

/// The most series of one file.
const MOST_SERIES_A_FILE: usize = 2_000;

/// The most series of all files.
const MOST_SERIES: usize = 5_000;

/// The directory, with what was last found in it.
#[derive(Debug)]
pub(super) struct Textfiles {
    folder: PathBuf,
    files: BTreeMap<String, Known>,
    /// Whether the directory could be read, and all of its files are among those that are.
    fault: Option<String>,
    /// Whether the files are others than when they were judged.
    is_stale: bool,
    /// Says whether the directory could be read.
    error: SeriesKey,
    /// Where the listed values go, in their order.
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Known {
    version: Version,
    /// The samples, or why there are none.
    content: Result<Vec<Reading>, Mistake>,
    /// Why its values do not count, as was said when it came up.
    mistake: Option<Mistake>,
    mtime: SeriesKey,
    error: SeriesKey,
    /// Whether it was there at the last look.
    present: bool,
}

/// What tells one content of a file from another, without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Version {
    mtime_seconds: f64,
    length: u64,
    number: u64,
}

impl Textfiles {
    /// The files of `folder`.
    ///
    /// # Errors
    ///
    /// If it is not a directory. One that vanishes later is waited for.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            let message = format!(
                "textfiles({}) is no directory; create it, or name the one that your *.prom files are in",
                folder.display()
            );
            return Err(Error::setting(message));
        }
        Ok(Self {
            folder: folder.to_owned(),
            files: BTreeMap::new(),
            fault: None,
            is_stale: true,
            slots: Vec::new(),
            error: own_key("monitored_textfile_scrape_error", "", None),
        })
    }

    /// Looks at the directory and reads what is new in it. Gives to `say` what has to be said, and tells whether
    /// [`list`](Self::list) lists other series than before.
    ///
    /// Cost: a look at each file, and reading those that changed.
    fn refresh(&mut self, mut say: impl FnMut(String)) -> bool {
        let fault = self.look().err();
        if fault != self.fault {
            say(match &fault {
                Some(fault) => fault.clone(),
                None => format!("textfiles in {} are read again", self.folder.display()),
            });
            self.fault = fault;
        }
        let is_stale = std::mem::take(&mut self.is_stale);
        if is_stale {
            self.judge(&mut say);
        }
        is_stale
    }

    /// Gives every value to `put`, in an order that only a refresh changes that says so.
    fn list(&self, mut put: impl FnMut(&SeriesKey, f64)) {
        put(&self.error, flag(self.fault.is_some()));
        for known in self.files.values() {
            put(&known.mtime, known.version.mtime_seconds);
            put(&known.error, flag(known.mistake.is_some()));
            if known.mistake.is_none() {
                for reading in known.content.iter().flatten() {
                    put(&reading.key, reading.value);
                }
            }
        }
    }

    /// Decides of which files the values count, and says what has changed in that.
    fn judge(&mut self, say: &mut impl FnMut(String)) {
        let mut taken = Taken::default();
        let mistakes: Vec<Option<Mistake>> = self.files.iter().map(|(name, known)| taken.refuse(name, known)).collect();
        for ((name, known), mistake) in self.files.iter_mut().zip(mistakes) {
            if mistake == known.mistake {
                continue;
            }
            let path = self.folder.join(name);
            say(match &mistake {
                Some(mistake) => format!("textfile {} is left out: {mistake}", path.display()),
                None => format!("textfile {} is read again", path.display()),
            });
            known.mistake = mistake;
        }
    }

    /// Brings `files` up to date. An error is about the directory as a whole.
    fn look(&mut self) -> Result<(), String> {
        self.files.values_mut().for_each(|known| known.present = false);
        let listed = list(&self.folder).map_err(|error| {
            let folder = self.folder.display();
            format!("textfiles in {folder} cannot be listed ({error}); give this user the right to read the directory")
        });
        let names = match listed {
            Ok(names) => names,
            Err(fault) => {
                self.is_stale |= !self.files.is_empty();
                self.files.clear();
                return Err(fault);
            }
        };
        let surplus = names.len().saturating_sub(MOST_FILES);
        for name in names.into_iter().take(MOST_FILES) {
            self.look_at(name);
        }
        let before = self.files.len();
        self.files.retain(|_, known| known.present);
        self.is_stale |= self.files.len() < before;
        if surplus > 0 {
            let folder = self.folder.display();
            return Err(format!(
                "there are more than {MOST_FILES} textfiles in {folder}, and the last ones by name are left out: {surplus}"
            ));
        }
        Ok(())
    }

    /// Reads one file if it is another one than at the last look.
    fn look_at(&mut self, name: String) {
        let path = self.folder.join(&name);
        let found = Version::of(&path);
        // Gone since the directory was listed.
        let Ok(version) = found else { return };
        if let Some(known) = self.files.get_mut(&name) {
            known.present = true;
            if known.version != version || known.content.as_ref().is_err_and(|mistake| mistake.line == 0) {
                known.content = read(&path);
                known.version = version;
                self.is_stale = true;
            }
            return;
        }
        self.is_stale = true;
        let known = Known {
            version,
            content: read(&path),
            mistake: None,
            mtime: own_key("monitored_textfile_mtime_seconds", "seconds", Some(&name)),
            error: own_key("monitored_textfile_scrape_error", "", Some(&name)),
            present: true,
        };
        self.files.insert(name, known);
    }
}

impl Reader for Textfiles {
    fn read(&mut self, _turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let is_new = self.refresh(|line| report::line(format_args!("{line}")));
        let mut slots = std::mem::take(&mut self.slots);
        if is_new {
            out.retire_all(&slots);
            slots.clear();
            self.list(|key, _| slots.push(out.keyed(key)));
        }
        let mut places = slots.iter();
        self.list(|key, value| {
            let Some(slot) = places.next() else { return };
            match key.kind {
                MetricKind::Counter => out.read_float(*slot, value),
                _ => out.set(*slot, value),
            }
        });
        self.slots = slots;
        Ok(())
    }
}

/// What the files before gave.
#[derive(Default)]
struct Taken<'a> {
    series: HashMap<&'a SeriesKey, &'a str>,
    kinds: HashMap<&'a str, (MetricKind, &'a str)>,
}

impl<'a> Taken<'a> {
    /// Adds the series of file `name`, or says why none of them can be taken.
    fn refuse(&mut self, name: &'a str, known: &'a Known) -> Option<Mistake> {
        let readings = match &known.content {
            Ok(readings) => readings,
            Err(mistake) => return Some(mistake.clone()),
        };
        if self.series.len() + readings.len() > MOST_SERIES {
            let what = format!("with it there would be more than {MOST_SERIES} series in all textfiles; write fewer");
            return Some(Mistake { line: 0, what });
        }
        for Reading { key, line, .. } in readings {
            let metric = &key.name;
            if let Some(other) = self.series.get(key) {
                let what = format!("this series of `{metric}` is also in {other}; write it to one file only");
                return Some(Mistake { line: *line, what });
            }
            if let Some((kind, other)) = self.kinds.get(metric.as_str())
                && *kind != key.kind
            {
                let what = format!("`{metric}` has another type in {other}; give it one type");
                return Some(Mistake { line: *line, what });
            }
        }
        for Reading { key, .. } in readings {
            self.series.insert(key, name);
            self.kinds.insert(&key.name, (key.kind, name));
        }
        None
    }
}

impl Version {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        let since_1970 = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mtime_seconds = file.modified().map(since_1970).unwrap_or_default().as_secs_f64();
        Ok(Self { mtime_seconds, length: file.len(), number: number(&file) })
    }
}

/// What the system numbers the file by, so that one that takes the place of another is seen.
#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
const fn number(_file: &Metadata) -> u64 {
    0
}

/// The names of the files to read, in order. What begins with a dot is being written by somebody.
fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // A name that is no text is nobody's wish.
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if name.strip_suffix(".prom").is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.')) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The samples of the file at `path`.
fn read(path: &Path) -> Result<Vec<Reading>, Mistake> {
    let whole = |what: String| Mistake { line: 0, what };
    let failed = |error: io::Error| whole(format!("it cannot be read ({error}); give this user the right to read it"));
    let kind = fs::metadata(path).map_err(failed)?;
    // Opening a pipe would wait for somebody to write to it.
    if !kind.is_file() {
        return Err(whole(String::from("it is no regular file; remove it, or rename it to another end than .prom")));
    }
    let mut bytes = Vec::new();
    if kind.len() <= MOST_BYTES {
        // It may have grown since.
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    }
    if kind.len().max(bytes.len() as u64) > MOST_BYTES {
        return Err(whole(format!("it is larger than {} KiB; write less, or several files", MOST_BYTES >> 10)));
    }
    parse(&bytes, MOST_SERIES_A_FILE)
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

/// The key of what is said of a file, or of the directory.
fn own_key(name: &str, unit: &str, file: Option<&str>) -> SeriesKey {
    SeriesKey {
        name: name.to_owned(),
        kind: MetricKind::Gauge,
        unit: unit.to_owned(),
        service: None,
        labels: file.map(|file| (String::from("file"), file.to_owned())).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Folder {
        path: tempfile::TempDir,
        files: Textfiles,
        /// So that a new content is seen as one, however fast the test is.
        writes: u64,
    }

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let files = Textfiles::open(folder.path()).unwrap();
            Self { path: folder, files, writes: 0 }
        }

        /// Replaces a file, as a careful writer does.
        fn write(&mut self, name: &str, text: &str) {
            self.writes += 1;
            let (new, path) = (self.path.path().join("new"), self.path.path().join(name));
            fs::write(&new, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + self.writes);
            File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
            fs::rename(&new, path).unwrap();
        }

        /// What it finds, without what is said of the files themselves, and the lines.
        fn scan(&mut self) -> (Vec<(String, f64)>, Vec<String>) {
            let (values, lines) = self.scan_all();
            (values.into_iter().filter(|value| !value.0.starts_with("monitored_")).collect(), lines)
        }

        fn scan_all(&mut self) -> (Vec<(String, f64)>, Vec<String>) {
            let (mut values, mut lines) = (Vec::new(), Vec::new());
            let put = |key: &SeriesKey, value: f64| {
                let labels: Vec<_> = key.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                values.push((format!("{}{{{}}}", key.name, labels.join(",")), value));
            };
            self.files.refresh(|line| lines.push(line));
            self.files.list(put);
            (values, lines)
        }
    }

    /// As many series of one metric.
    fn series(count: usize, file: usize) -> String {
        (0..count).map(|number| format!("a{{n=\"{number}\",f=\"{file}\"}} 1")).collect::<Vec<_>>().join("\n") + "\n"
    }

    fn value(name: &str, value: f64) -> (String, f64) {
        (name.to_owned(), value)
    }

    #[test]
    fn values_follow_the_files() {
        let mut folder = Folder::new();
        assert_eq!(folder.scan(), (vec![], vec![]));
        folder.write("b.prom", "b 2\n");
        folder.write("a.prom", "a{x=\"1\"} 1\n");
        folder.write("ignored.txt", "c 3\n");
        folder.write(".hidden.prom", "d 4\n");
        assert_eq!(folder.scan().0, [value("a{x=1}", 1.0), value("b{}", 2.0)]);
        folder.write("b.prom", "b 5\n");
        assert_eq!(folder.scan().0, [value("a{x=1}", 1.0), value("b{}", 5.0)]);
        fs::remove_file(folder.path.path().join("a.prom")).unwrap();
        assert_eq!(folder.scan(), (vec![value("b{}", 5.0)], vec![]));
    }

    #[test]
    fn a_record_follows_the_files_too() {
        let mut folder = Folder::new();
        let (mut record, mut turn) = (Record::default(), Turn::new(std::time::Instant::now()));
        let mut look = |folder: &mut Folder| {
            folder.files.read(&mut turn, &mut record).unwrap();
            let own = |sample: &monitor_core::Sample<'_>| !sample.key.name.starts_with("monitored_");
            let values = record.samples().filter(own).map(|sample| {
                let value = match sample.value {
                    monitor_core::Value::Counter { total, .. } => total.as_f64(),
                    monitor_core::Value::Gauge(value) => value,
                    _ => f64::NAN,
                };
                (sample.key.name.clone(), value, sample.changed)
            });
            let values: Vec<_> = values.collect();
            record.delivered();
            values
        };
        let found = |name: &str, value: f64, changed: bool| (name.to_owned(), value, changed);
        folder.write("c.prom", "# TYPE c_total counter\nc_total 1.5\n");
        folder.write("g.prom", "g 7\n");
        assert_eq!(look(&mut folder), [found("c_total", 0.0, true), found("g", 7.0, true)]);
        assert_eq!(look(&mut folder), [found("c_total", 0.0, false), found("g", 7.0, true)]);
        folder.write("c.prom", "# TYPE c_total counter\nc_total 4\n");
        fs::remove_file(folder.path.path().join("g.prom")).unwrap();
        assert_eq!(look(&mut folder), [found("c_total", 2.5, true)]);
        assert_eq!(look(&mut folder), [found("c_total", 2.5, false)]);
    }

    #[test]
    fn the_age_of_a_file_and_whether_it_can_be_used_are_metrics() {
        let mut folder = Folder::new();
        folder.write("a.prom", "a 1\n");
        folder.write("b.prom", "b one\n");
        let wanted = [
            value("monitored_textfile_scrape_error{}", 0.0),
            value("monitored_textfile_mtime_seconds{file=a.prom}", 1_001.0),
            value("monitored_textfile_scrape_error{file=a.prom}", 0.0),
            value("a{}", 1.0),
            value("monitored_textfile_mtime_seconds{file=b.prom}", 1_002.0),
            value("monitored_textfile_scrape_error{file=b.prom}", 1.0),
        ];
        assert_eq!(folder.scan_all().0, wanted);
    }

    #[test]
    fn a_bad_file_is_told_of_once_and_again_when_it_is_good() {
        let mut folder = Folder::new();
        folder.write("bad.prom", "a 1\nb\n");
        folder.write("good.prom", "c 3\n");
        let (values, lines) = folder.scan();
        assert_eq!(values, [value("c{}", 3.0)]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("bad.prom is left out: line 2: `b` has no value;"), "{lines:?}");
        assert_eq!(folder.scan().1, Vec::<String>::new());
        folder.write("bad.prom", "a 1\nb 2\n");
        let (values, lines) = folder.scan();
        assert_eq!(values.len(), 3);
        assert!(lines.len() == 1 && lines[0].ends_with("bad.prom is read again"), "{lines:?}");
    }

    #[test]
    fn files_that_contradict_each_other_are_settled_by_name() {
        let mut folder = Folder::new();
        folder.write("1.prom", "a 1\n");
        folder.write("2.prom", "x 0\na 2\n");
        folder.write("3.prom", "# TYPE a counter\na{x=\"1\"} 3\n");
        let (values, lines) = folder.scan();
        assert_eq!(values, [value("a{}", 1.0)]);
        assert!(lines[0].contains("2.prom is left out: line 2: this series of `a` is also in 1.prom"), "{lines:?}");
        assert!(lines[1].contains("3.prom is left out: line 2: `a` has another type in 1.prom"), "{lines:?}");
        fs::remove_file(folder.path.path().join("1.prom")).unwrap();
        assert_eq!(folder.scan().0, [value("x{}", 0.0), value("a{}", 2.0)]);
    }

    #[test]
    fn sizes_and_numbers_have_bounds() {
        let mut folder = Folder::new();
        folder.write("large.prom", &"# comment\n".repeat(110_000));
        folder.write("many.prom", &series(2_001, 0));
        let (values, lines) = folder.scan();
        assert_eq!(values, []);
        assert!(lines[0].contains("larger than 1024 KiB") && lines[1].contains("more than 2000 series"), "{lines:?}");
        fs::remove_file(folder.path.path().join("large.prom")).unwrap();
        for file in 0..4 {
            folder.write(&format!("{file}.prom"), &series(1_500, file));
        }
        let (values, lines) = folder.scan();
        assert_eq!(values.len(), 4_500);
        assert!(lines.iter().any(|line| line.contains("3.prom") && line.contains("5000 series")), "{lines:?}");
    }

    #[test]
    fn too_many_files_are_told_of_and_the_first_are_read() {
        let mut folder = Folder::new();
        for file in 0..103 {
            folder.write(&format!("{file:03}.prom"), &format!("a{file} 1\n"));
        }
        let (values, lines) = folder.scan();
        assert_eq!(values.len(), 100);
        assert!(lines.len() == 1 && lines[0].ends_with("left out: 3"), "{lines:?}");
    }

    #[test]
    fn a_directory_that_vanishes_is_waited_for() {
        let mut folder = Folder::new();
        folder.write("a.prom", "a 1\n");
        let (path, aside) = (folder.path.path().to_owned(), folder.path.path().with_extension("aside"));
        fs::rename(&path, &aside).unwrap();
        let (values, lines) = folder.scan_all();
        assert_eq!(values, [value("monitored_textfile_scrape_error{}", 1.0)]);
        assert!(lines.len() == 1 && lines[0].contains("cannot be listed"), "{lines:?}");
        fs::rename(&aside, &path).unwrap();
        let (values, lines) = folder.scan();
        assert_eq!(values, [value("a{}", 1.0)]);
        assert!(lines.len() == 1 && lines[0].contains("again"), "{lines:?}");
    }

    #[test]
    fn what_is_no_directory_is_refused_at_the_start() {
        let error = Textfiles::open(Path::new("/no/such/directory")).unwrap_err();
        assert!(error.is_invalid_setting() && error.to_string().contains("create it"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_does_not_hold_it_up() {
        let mut folder = Folder::new();
        let pipe = folder.path.path().join("pipe.prom");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::create_dir(folder.path.path().join("folder.prom")).unwrap();
        std::os::unix::fs::symlink("/no/such/target", folder.path.path().join("link.prom")).unwrap();
        folder.write("z.prom", "z 1\n");
        let (values, lines) = folder.scan();
        assert_eq!(values, [value("z{}", 1.0)]);
        assert_eq!(lines.iter().filter(|line| line.contains("no regular file")).count(), 2, "{lines:?}");
    }
}
