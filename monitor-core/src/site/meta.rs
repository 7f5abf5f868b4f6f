//! What a call site knows about itself at build time, and the names that follow from it.

use std::time::Duration;

use super::objective::Objective;
use super::plan::Time;

/// The description of a call site. Built by the macro in a `const`, a step a fact.
#[derive(Debug, Clone, Copy)]
#[must_use = "a description does nothing by itself"]
pub struct Meta {
    function: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    path: Option<fn() -> &'static str>,
    name: Option<&'static str>,
    service: Option<&'static str>,
    prefix: Option<&'static str>,
    tags: &'static [(&'static str, &'static str)],
    sample: u32,
    time: Time,
    slow: Option<Duration>,
    objective: Option<Objective>,
    is_outermost: bool,
    is_async: bool,
}

impl Meta {
    /// A function (`parse`, or `Type::method`) in `module`, at a place in the source.
    pub const fn new(function: &'static str, module: &'static str, file: &'static str, line: u32) -> Self {
        Self {
            function,
            module,
            file,
            line,
            path: None,
            name: None,
            service: None,
            prefix: None,
            tags: &[],
            sample: 1,
            time: Time::Wall,
            slow: None,
            objective: None,
            is_outermost: false,
            is_async: false,
        }
    }

    /// Where the function lies, as `type_name` tells it of a type declared in its body: so a method that is annotated
    /// by itself gets its type's name, which the macro cannot see.
    pub const fn located(mut self, path: fn() -> &'static str) -> Self {
        self.path = Some(path);
        self
    }

    /// A name of the user's instead of the function's.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The service that the site belongs to.
    pub const fn service(mut self, service: &'static str) -> Self {
        self.service = Some(service);
        self
    }

    /// Fixed tags.
    pub const fn tags(mut self, tags: &'static [(&'static str, &'static str)]) -> Self {
        self.tags = tags;
        self
    }

    /// A prefix before the function's name: `prefix::function`.
    pub const fn prefixed(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// One call in so many is timed.
    pub const fn sampled(mut self, one_in: u32) -> Self {
        self.sample = one_in;
        self
    }

    /// What the duration of a call is.
    pub const fn timed(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Calls that take longer than this leave an exemplar.
    pub const fn slow(mut self, bound: Duration) -> Self {
        self.slow = Some(bound);
        self
    }

    /// What the function has promised.
    pub const fn objective(mut self, objective: Objective) -> Self {
        self.objective = Some(objective);
        self
    }

    /// Only the outermost call of a recursion counts.
    pub const fn outermost(mut self) -> Self {
        self.is_outermost = true;
        self
    }

    /// The function returns a future.
    pub const fn asynchronous(mut self) -> Self {
        self.is_async = true;
        self
    }

    /// The label `function`: the user's name, else `Type::method`, else the plain name.
    pub(crate) fn function_label(&self) -> String {
        let own = self.name.map(str::to_owned);
        let found = || self.path.and_then(|path| function_of(path(), self.module, self.function));
        let label = own.or_else(found).unwrap_or_else(|| self.function.to_owned());
        self.prefix.map_or(label.clone(), |prefix| format!("{prefix}::{label}"))
    }

    /// The label `module`.
    pub(crate) const fn module(&self) -> &'static str {
        self.module
    }

    /// The service, if the site names one.
    pub(crate) const fn service_name(&self) -> Option<&'static str> {
        self.service
    }

    /// The user's tags.
    pub(crate) const fn tag_pairs(&self) -> &'static [(&'static str, &'static str)] {
        self.tags
    }

    pub(crate) const fn sample(&self) -> u32 {
        self.sample
    }

    pub(crate) const fn time(&self) -> Time {
        self.time
    }

    pub(crate) const fn is_outermost(&self) -> bool {
        self.is_outermost
    }

    pub(crate) const fn is_async(&self) -> bool {
        self.is_async
    }

    pub(crate) const fn slow_bound(&self) -> Option<Duration> {
        self.slow
    }

    pub(crate) const fn objective_of(&self) -> Option<Objective> {
        self.objective
    }

    /// Whether something is done with each duration beside counting it.
    pub(crate) const fn is_watched(&self) -> bool {
        self.slow.is_some() || self.latency_bound().is_some()
    }

    /// How long a call may take to keep its objective.
    pub(crate) const fn latency_bound(&self) -> Option<Duration> {
        match &self.objective {
            Some(objective) => objective.latency_bound(),
            None => None,
        }
    }

    /// File and line of the function.
    pub(crate) const fn location(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }
}

/// Reads `Type::function` off the full path of a type declared in the function's body.
///
/// The standard library does not fix the form of such paths, so whatever does not fit gives `None`, and the plain name
/// is used. Forms seen: `crate::module::function::Here`, `crate::module::Type<T>::function::Here`,
/// `<crate::module::Type as crate::Trait>::function::Here`, each with `{{closure}}` or `{impl#0}` parts in between.
fn function_of(path: &str, module: &str, function: &str) -> Option<String> {
    // An impl in another module than its type: `crate::module::<impl crate::other::Type>::function::Here`.
    if let Some((_, inner)) = path.split_once("<impl ") {
        return function_of(&format!("<{inner}"), module, function);
    }
    let plain = without_generics(path)?;
    let named = |segment: &&str| !segment.is_empty() && !segment.starts_with('{');
    let mut segments: Vec<&str> = plain.split("::").filter(named).collect();
    segments.pop()?;
    let at = segments.iter().rposition(|segment| *segment == function)?;
    let start = if path.starts_with('<') {
        // The type before `as`, of which only the last segment matters.
        at.checked_sub(1)?
    } else {
        let modules = module.split("::").count();
        if plain.starts_with(module) { modules.min(at) } else { at.checked_sub(1)? }
    };
    Some(segments[start..=at].join("::"))
}

/// The path without generic arguments; of `<Type as Trait>` the type remains.
fn without_generics(path: &str) -> Option<String> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    if let Some(qualified) = path.strip_prefix('<') {
        let close = matching_close(qualified)?;
        let inner = &qualified[..close];
        // `Type as Trait` of a path to a trait's method, `Trait for Type` of an impl in another module.
        let own = match (inner.rfind(" for "), inner.rfind(" as ")) {
            (Some(at), _) => &inner[at + 5..],
            (None, Some(at)) => &inner[..at],
            (None, None) => inner,
        };
        plain.push_str(&without_generics(own)?);
        rest = &qualified[close + 1..];
    }
    let mut depth = 0_usize;
    for c in rest.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    Some(plain)
}

/// The place of the `>` that closes the bracket opened just before `text`.
fn matching_close(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_method_is_read_off_its_path() {
        for (path, function, label) in [
            ("etl::parse::Here", "parse", Some("parse")),
            ("etl::Pipeline::run::Here", "run", Some("Pipeline::run")),
            ("etl::Pipeline<T>::run::Here", "run", Some("Pipeline::run")),
            ("<etl::Pipeline as etl::Stage>::run::Here", "run", Some("Pipeline::run")),
            ("<etl::Pipeline<alloc::vec::Vec<u8>> as etl::Stage<u8>>::run::Here", "run", Some("Pipeline::run")),
            ("<alloc::vec::Vec<u8> as etl::Stage>::run::{{closure}}::Here", "run", Some("Vec::run")),
            ("etl::b::<impl etl::a::Type>::run::Here", "run", Some("Type::run")),
            ("etl::b::<impl etl::a::Type<alloc::vec::Vec<T>>>::run::Here", "run", Some("Type::run")),
            ("etl::b::<impl etl::Stage for etl::a::Type<T>>::run::Here", "run", Some("Type::run")),
            ("etl::outer::inner::Here", "inner", Some("outer::inner")),
            ("something else", "run", None),
            ("<broken", "run", None),
            ("", "run", None),
        ] {
            assert_eq!(function_of(path, "etl", function).as_deref(), label, "{path}");
        }
    }

    #[test]
    fn the_compiler_names_paths_in_a_form_that_is_understood() {
        struct Pipeline;
        trait Stage {
            fn stage(&self) -> &'static str;
        }
        impl Pipeline {
            fn method() -> &'static str {
                struct Here;
                std::any::type_name::<Here>()
            }
        }
        impl<T> Stage for Vec<T> {
            fn stage(&self) -> &'static str {
                struct Here;
                std::any::type_name::<Here>()
            }
        }
        let found = function_of(Pipeline::method(), module_path!(), "method").unwrap();
        assert!(found.ends_with("Pipeline::method"), "{found}");
        let found = function_of(Vec::<u8>::new().stage(), module_path!(), "stage").unwrap();
        assert!(found.ends_with("Vec::stage"), "{found}");
    }
}
