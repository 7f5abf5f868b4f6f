//! The macros of the four metrics, and what their types share.

/// Declares a metric type that lives in a static, and its handle.
macro_rules! declare_metric {
    ($(#[$doc:meta])* $metric:ident => $handle:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $metric(crate::metric::declared::Declared);

        impl $metric {
            /// A metric of this name, for a `static`. It registers itself when it is first used.
            ///
            /// # Panics
            ///
            /// If the name is not allowed: in a `static` that is a compile error. For names known at run time use
            #[doc = concat!("[`", stringify!($metric), "::named`].")]
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                Self(crate::metric::declared::Declared::new(name, $kind))
            }

            /// The base unit, for example `bytes`.
            ///
            /// # Panics
            ///
            /// If the unit is not allowed: in a `static` that is a compile error.
            #[must_use]
            pub const fn unit(self, unit: &'static str) -> Self {
                Self(self.0.unit(unit))
            }

            /// The service; without it the series belongs to the service of the monitor that records it.
            ///
            /// # Panics
            ///
            /// If the name is empty, too long, or holds control characters: in a `static` that is a compile error.
            #[must_use]
            pub const fn service(self, service: &'static str) -> Self {
                Self(self.0.service(service))
            }

            /// Fixed tags.
            ///
            /// # Panics
            ///
            /// If a key is not allowed or there are more than 16: in a `static` that is a compile error.
            #[must_use]
            pub const fn tags(self, tags: &'static [(&'static str, &'static str)]) -> Self {
                Self(self.0.tags(tags))
            }

            /// A metric whose name or tags are known only at run time.
            pub fn named(name: &str) -> MetricBuilder<$handle> {
                MetricBuilder::new(name, $kind)
            }

            /// The series with these tags beside the fixed ones. Neither locks nor allocates once the series exists.
            ///
            /// Tags whose keys are not allowed are left out, and counted in `monitored_rejected_total`.
            #[must_use]
            pub fn with(&self, tags: &[(&str, &str)]) -> $handle {
                $handle(self.0.with(tags))
            }

            #[inline(always)]
            fn handle(&self) -> $handle {
                $handle(self.0.series())
            }
        }

        #[doc = concat!("One series of a [`", stringify!($metric), "`]: cheap to copy, valid for the rest of the process.")]
        #[derive(Clone, Copy)]
        pub struct $handle(&'static Series);

        impl std::fmt::Debug for $handle {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_tuple(stringify!($handle));
                shown.field(&self.0.family.name).field(&self.0.tags).finish()
            }
        }

        impl crate::metric::builder::Handle for $handle {
            fn of(series: crate::metric::builder::SeriesRef) -> Self {
                Self(series.0)
            }
        }
    };
}

pub(crate) use declare_metric;

/// Adds to a counter: `counter!("rows_loaded")`, `counter!("rows_loaded", 17, "table" => "flights")`.
///
/// The name and the keys of tags must be literals (or constants); they are checked at compile time. Values of tags are
/// literals or anything that is `AsRef<str>`. The tag `service` sets the service of the series. Neither locks nor
/// allocates once the series exists.
///
/// # Examples
///
/// ```
/// use monitor_core::counter;
///
/// let table = String::from("flights");
/// counter!("rows_loaded");
/// counter!("rows_loaded", 17, "table" => "flights");
/// counter!("rows_loaded", 3, "table" => table, "service" => "etl");
/// ```
///
/// ```compile_fail
/// monitor_core::counter!("rows loaded", 17);
/// ```
#[macro_export]
macro_rules! counter {
    ($name:expr) => { $crate::counter!($name, 1_u64) };
    ($name:expr, $by:expr $(, $key:literal => $value:tt)* $(,)?) => {
        $crate::__metric!(Counter, $name; [$($key => $value),*]; add($by))
    };
    ($name:expr, $by:expr $(, $key:literal => $value:expr)+ $(,)?) => {
        $crate::__metric!(Counter, $name; dynamic [$($key => $value),*]; add($by))
    };
}

/// Sets a gauge: `gauge!("queue_length", 12)`, `gauge!("queue_length", 12, "queue" => name)`.
///
/// See [`counter!`] for names and tags.
///
/// # Examples
///
/// ```
/// monitor_core::gauge!("queue_length", 12, "queue" => "mail");
/// ```
#[macro_export]
macro_rules! gauge {
    ($name:expr, $to:expr $(, $key:literal => $value:tt)* $(,)?) => {
        $crate::__metric!(Gauge, $name; [$($key => $value),*]; set($to))
    };
    ($name:expr, $to:expr $(, $key:literal => $value:expr)+ $(,)?) => {
        $crate::__metric!(Gauge, $name; dynamic [$($key => $value),*]; set($to))
    };
}

/// Adds a value to a histogram: `histogram!("batch_rows", 512)`, `histogram!("batch_rows", 512, "table" => name)`.
///
/// See [`counter!`] for names and tags.
///
/// # Examples
///
/// ```
/// monitor_core::histogram!("batch_rows", 512, "table" => "flights");
/// ```
#[macro_export]
macro_rules! histogram {
    ($name:expr, $of:expr $(, $key:literal => $value:tt)* $(,)?) => {
        $crate::__metric!(Histogram, $name; [$($key => $value),*]; record($of))
    };
    ($name:expr, $of:expr $(, $key:literal => $value:expr)+ $(,)?) => {
        $crate::__metric!(Histogram, $name; dynamic [$($key => $value),*]; record($of))
    };
}

/// Adds a duration to a timer, or measures until the end of a scope.
///
/// `timer!("load_duration_seconds", duration)` adds; `let _span = timer!("load_duration_seconds");` measures. See
/// [`counter!`] for names and tags, which follow the duration or, where there is none, the name.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use monitor_core::timer;
///
/// timer!("load_duration_seconds", Duration::from_millis(12), "table" => "flights");
/// let table = String::from("weather");
/// let _span = timer!("load_duration_seconds", "table" => table);
/// ```
#[macro_export]
macro_rules! timer {
    ($name:expr $(, $key:literal => $value:tt)* $(,)?) => {
        $crate::__metric!(Timer, $name; [$($key => $value),*]; start())
    };
    ($name:expr $(, $key:literal => $value:expr)+ $(,)?) => {
        $crate::__metric!(Timer, $name; dynamic [$($key => $value),*]; start())
    };
    ($name:expr, $of:expr $(, $key:literal => $value:tt)* $(,)?) => {
        $crate::__metric!(Timer, $name; [$($key => $value),*]; record($of))
    };
    ($name:expr, $of:expr $(, $key:literal => $value:expr)+ $(,)?) => {
        $crate::__metric!(Timer, $name; dynamic [$($key => $value),*]; record($of))
    };
}

/// The common part of the metric macros: a static for fixed tags, a look-up for others.
#[doc(hidden)]
#[macro_export]
macro_rules! __metric {
    ($type:ident, $name:expr; [$($key:literal => $value:literal),*]; $method:ident($($argument:expr)?)) => {{
        static METRIC: $crate::$type = $crate::$type::new($name).tags(&[$(($key, ::core::concat!($value))),*]);
        METRIC.$method($($argument)?)
    }};
    ($type:ident, $name:expr; [$($key:literal => $value:tt),+]; $method:ident($($argument:expr)?)) => {
        $crate::__metric!($type, $name; dynamic [$($key => $value),+]; $method($($argument)?))
    };
    ($type:ident, $name:expr; dynamic [$($key:literal => $value:expr),+]; $method:ident($($argument:expr)?)) => {{
        static METRIC: $crate::$type = $crate::$type::new($name);
        const _: () = $crate::__private::assert_tag_keys(&[$($key),+]);
        METRIC.with(&[$(($key, ::core::convert::AsRef::<str>::as_ref(&$value))),+]).$method($($argument)?)
    }};
}
