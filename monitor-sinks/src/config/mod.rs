//! `monitor.toml`: a monitor without a line of code.
//!
//! ```text
//! fault      all mistakes of a file, each with its place
//! text       texts that know where they stand; table: tables, read key by key
//! secret     passwords and keys; settings: where to record, what of the machine
//! rule       [[rule]]; record: [[record]]; file: rule files of Prometheus
//! channel    [channels.NAME]; route: which rule is told through which of them
//! monitor    a monitor that goes by a file, and reads it anew
//! ```
//!
//! A file is read as a whole before anything of it is used. All mistakes are told at once, each with its place and what was
//! meant; a key that nobody knows is one. The value of a secret is in no message.

mod channel;
mod fault;
mod file;
mod monitor;
mod record;
mod route;
mod rule;
mod secret;
mod settings;
mod table;
mod text;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use self::{
    fault::Faults,
    record::Record,
    rule::{Written, known},
    secret::Surroundings,
    settings::{AlertSettings, Machine, StoreSettings},
    table::Table,
};
use crate::{
    error::Error,
    host::HostSampling,
    notify::Channel,
    rule::{Entry, Group, Rule, prometheus},
    runtime::Builder,
};

/// What a `monitor.toml` says.
///
/// Paths in it start from its own folder. The guide has all keys.
///
/// # Examples
///
/// ```
/// use monitor_sinks::config::Config;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("monitor.toml");
/// std::fs::write(&path, "[[rule]]\nname = \"high_cpu\"\nexpr = \"cpu_percent_total > 80\"\nseverty = \"high\"\n")?;
/// let error = Config::read(&path).unwrap_err().to_string();
/// assert!(error.ends_with("monitor.toml:4:1: unknown key `severty` in rule `high_cpu`; did you mean `severity`?"), "{error}");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Config {
    path: PathBuf,
    store: StoreSettings,
    host: Option<Machine>,
    alerts: AlertSettings,
    rules: Vec<Rule>,
    groups: Vec<Group>,
    objectives: bool,
    channels: Vec<(String, Box<dyn Channel>)>,
}

/// The groups of rules of a file: of a `monitor.toml` if its name ends so, else of a rule file of Prometheus.
///
/// # Errors
///
/// If the file cannot be read, or anything in it is wrong, with the place. Secrets need not be there.
pub fn rule_groups(path: impl AsRef<Path>) -> Result<Vec<Group>, Error> {
    let path = path.as_ref();
    if path.extension().is_some_and(|end| end == "toml") {
        return Config::read_without_secrets(path).map(|config| config.groups);
    }
    let groups = prometheus::read(&path.display().to_string(), &file::content(path)?)?;
    groups.iter().try_for_each(Group::check).map(|()| groups)
}

/// Names that rules may use without the file having them.
#[derive(Debug, Default)]
struct Beside {
    rules: Vec<String>,
    channels: Vec<String>,
}

/// The group of the rules that stand in the file itself.
const OWN_GROUP: &str = "monitor";

impl Config {
    /// Reads a file, and the secrets and rule files that it names.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or anything in it is wrong. The message has a line for each mistake, with the file, the
    /// line, the column, and what was probably meant.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load(path.as_ref(), &Beside::default(), true)
    }

    /// Reads a file without the secrets that it names in other files and in the environment: to check it, or to use its
    /// rules, where these are not. Its channels can be used for nothing.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_without_secrets(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load(path.as_ref(), &Beside::default(), false)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it wants to be recorded, if it says so.
    #[must_use]
    pub fn store_path(&self) -> Option<&Path> {
        self.store.path.as_deref()
    }

    /// The service that it wants to be recorded under, if it says so.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.store.service.as_deref()
    }

    /// Whether it says whether the machine is sampled.
    #[must_use]
    pub const fn says_host(&self) -> bool {
        self.host.is_some()
    }

    /// How the machine is sampled, if it is.
    #[must_use]
    pub fn host(&self) -> Option<&HostSampling> {
        match &self.host {
            Some(Machine::On(host)) => Some(host),
            _ => None,
        }
    }

    /// All rules, those of rule files included, as they are told through channels.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// All rules in groups: those of the file itself that record, those that alert in one, those of rule files as they are
    /// there.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether what functions have promised is to be watched; see [`Builder::objectives`].
    #[must_use]
    pub const fn objectives(&self) -> bool {
        self.objectives
    }

    /// The names of its channels.
    pub fn channel_names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|(name, _)| name.as_str())
    }

    /// Takes out a channel, such as for a test.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn take_channel(&mut self, name: &str) -> Result<Box<dyn Channel>, Error> {
        let Some(place) = self.channels.iter().position(|(known, _)| known == name) else {
            let hint = fault::hint(name, self.channel_names().collect::<Vec<_>>().into_iter());
            return Err(Error::setting(format!("{} has no channel `{name}`{hint}", self.path.display())));
        };
        Ok(self.channels.swap_remove(place).1)
    }

    /// A builder with what the file says in place of what it said, its rules and channels beside those that it had.
    fn apply(self, mut builder: Builder) -> Builder {
        let StoreSettings { path, service, flush_every, retention } = self.store;
        builder = path.into_iter().fold(builder, Builder::sqlite);
        builder = service.into_iter().fold(builder, Builder::service);
        builder = flush_every.into_iter().fold(builder, Builder::flush_every);
        builder = retention.into_iter().fold(builder, Builder::retain);
        builder = self.alerts.evaluate_every.into_iter().fold(builder, Builder::evaluate_every);
        builder = self.alerts.instance.into_iter().fold(builder, Builder::instance);
        if let Some(Machine::On(host)) = self.host {
            builder = builder.host(*host);
        }
        if self.objectives {
            builder = builder.objectives();
        }
        builder = builder.rule_groups(led(self.groups, self.rules));
        self.channels.into_iter().fold(builder, |builder, (name, channel)| builder.channel(name, channel))
    }

    fn load(path: &Path, beside: &Beside, has_secrets: bool) -> Result<Self, Error> {
        let text = file::content(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display().to_string();
        Self::parse(&shown, &text, Surroundings { folder, has_secrets }, beside)
    }

    fn parse(file: &str, text: &str, around: Surroundings<'_>, beside: &Beside) -> Result<Self, Error> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let faults = Faults::new(file, text);
        for error in &errors {
            faults.add(error.span().map_or(0, |span| span.start), error.message());
        }
        let config = if errors.is_empty() {
            Some(Self::of(file, &Table::new("the file", 0, document.get_ref(), &faults), around, beside))
        } else {
            None
        };
        drop(document);
        faults.or(())?;
        config.ok_or_else(|| Error::setting(format!("{file} is no TOML")))
    }

    fn of(file: &str, root: &Table<'_>, around: Surroundings<'_>, beside: &Beside) -> Self {
        let complain = |at, message| root.fault(at, message);
        let store = root.table("store").map(|table| settings::store(&table, around)).unwrap_or_default();
        let host = root.table("host").map(|table| settings::host(&table, around));
        let alerts = root.table("alerts").map(|table| settings::alerts(&table)).unwrap_or_default();
        let mut own: Vec<Written<'_>> = root.tables("rule").into_iter().filter_map(rule::rule).collect();
        let records: Vec<Record> = root.tables("record").into_iter().filter_map(record::record).collect();
        for (place, Record { recording, at, .. }) in records.iter().enumerate() {
            if records[..place].iter().any(|before| before.recording == *recording) {
                complain(*at, format!("the record `{}` is there twice; take one out", recording.record));
            }
        }
        let mut groups = record::groups(records, OWN_GROUP);
        if !own.is_empty() {
            groups.push(Group::of_rules(OWN_GROUP, own.iter().map(|own| own.rule.clone())));
        }
        for (text, group) in file::groups(root, around.folder) {
            own.extend(group.rules().map(|rule| of_file(text.at, rule)));
            groups.push(group);
        }
        let objectives = root.flag("objectives").unwrap_or(false);
        let mut channels = Vec::new();
        let mut names = beside.channels.clone();
        for (name, table) in root.named_tables("channels") {
            names.push(name.to_owned());
            channels.extend(channel::channel(&table, around).map(|channel| (name.to_owned(), channel)));
        }
        let routes: Vec<_> = root.tables("route").iter().map(route::route).collect();
        check(&own, &names, beside, &complain);
        for route in &routes {
            known(complain, "channel", &route.channels, &names);
        }
        route::lead(routes, &mut own, complain);
        root.finish();
        let rules = own.into_iter().map(|own| own.rule).collect();
        Self { path: PathBuf::from(file), store, host, alerts, rules, groups, objectives, channels }
    }
}

/// Complains of rules that make no sense, by themselves or together.
fn check(rules: &[Written<'_>], channels: &[String], beside: &Beside, complain: &impl Fn(usize, String)) {
    let mut names = beside.rules.clone();
    for Written { rule, at, .. } in rules {
        if names.iter().any(|name| name == rule.name()) {
            complain(*at, format!("there are two rules called `{}`; give each its own name", rule.name()));
        }
        names.push(rule.name().to_owned());
    }
    for written in rules {
        known(complain, "channel", &written.channels, channels);
        known(complain, "rule", &written.depends_on, &names);
        // Without an expression, that was told.
        if !written.rule.expr().is_empty()
            && let Err(error) = written.rule.check()
        {
            complain(written.at, error.to_string());
        }
    }
}

/// The groups with their rules as they are told through channels, which come in the same order.
fn led(mut groups: Vec<Group>, rules: Vec<Rule>) -> Vec<Group> {
    let entries = groups.iter_mut().flat_map(|group| &mut group.entries);
    let alerts = entries.filter_map(|entry| if let Entry::Alert(rule) = entry { Some(rule) } else { None });
    alerts.zip(rules).for_each(|(place, rule)| **place = rule);
    groups
}

/// A rule of a rule file, which stands at `at` in this one.
fn of_file(at: usize, rule: &Rule) -> Written<'static> {
    let rule = rule.clone();
    Written { rule, at, channels: Vec::new(), depends_on: Vec::new() }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, store, host, alerts, rules, groups, objectives, .. } = self;
        f.debug_struct("Config")
            .field("path", path)
            .field("store", store)
            .field("host", host)
            .field("alerts", alerts)
            .field("rules", rules)
            .field("groups", groups)
            .field("objectives", objectives)
            .field("channels", &self.channel_names().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests;
