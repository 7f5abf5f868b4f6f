//! Expressions over the shop, made at random from forms, and the features of PromQL that each of them uses.
//!
//! What cannot be compared is left out by construction. Functions that jump (`floor`, `%`, `changes`) and comparisons are
//! given stored values, never computed ones, whose last bit may differ; what sorts or picks is given gauges, which are
//! never equal. What changed in Prometheus 3 stands in a table of the test itself.

use std::collections::BTreeSet;

use super::Random;

/// An expression.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) text: String,
    pub(crate) features: BTreeSet<&'static str>,
}

/// How many expressions each feature is the outermost one of, usually.
pub(crate) const EACH: usize = 8;

/// Features, and the forms that ask for them. `<word>` stands for one of [`WORDS`], or for a vector of [`NESTED`].
pub(crate) const FEATURES: &[(&str, &[&str])] = &[
    ("selector", &["<counter>", "<gauge>"]),
    ("matcher !=", &["requests_total{code!=\"<code>\"}", "<counter1>{host!=\"<host>\"}"]),
    ("matcher =~", &["<counter1>{host=~\"<pattern>\"}", "{__name__=~\"<names>\",host=\"<host>\"}"]),
    ("matcher !~", &["<counter1>{host!~\"<pattern>\"}", "requests_total{code!~\"<codes>\",host=\"<host>\"}"]),
    ("offset", &["<counter> offset <ago>", "<gauge> - <gauge> offset <ago>", "rate(<counter>[<window>] offset <ago>)"]),
    ("negative offset", &["<counter> offset -<ago>", "sum(<counter>) - sum(<counter> offset -<ago>)"]),
    ("@", &["<counter> @ <instant>", "rate(<counter>[<window>] @ <instant>)", "sum(<gauge> @ <instant>)"]),
    ("@ start() and end()", &["<gauge> - <gauge> @ <end>", "increase(<counter>[<window>] @ <end>)"]),
    ("rate", &["rate(<counter>[<window>])"]),
    ("increase", &["increase(<counter>[<window>])"]),
    ("irate", &["irate(<counter>[<window>])"]),
    ("delta", &["delta(<gauge>[<window>])"]),
    ("idelta", &["idelta(<gauge>[<window>])"]),
    ("deriv", &["deriv(<gauge>[<window>])", "deriv(<counter>[<window>])"]),
    ("predict_linear", &["predict_linear(<gauge>[<window>], <seconds>)"]),
    ("resets", &["resets(<counter>[<window>])", "resets(<gauge>[<window>])"]),
    ("changes", &["changes(<counter>[<window>])", "changes(<gauge>[<window>])"]),
    ("avg_over_time", &["avg_over_time(<gauge>[<window>])", "avg_over_time(<counter>[<window>])"]),
    ("min_over_time", &["min_over_time(<gauge>[<window>])"]),
    ("max_over_time", &["max_over_time(<gauge>[<window>])"]),
    ("sum_over_time", &["sum_over_time(<gauge>[<window>])", "sum_over_time(<counter>[<window>])"]),
    ("count_over_time", &["count_over_time(<gauge>[<window>])", "count_over_time(<counter>[<window>])"]),
    ("stddev_over_time", &["stddev_over_time(<gauge>[<window>])"]),
    ("stdvar_over_time", &["stdvar_over_time(<gauge>[<window>])"]),
    ("last_over_time", &["last_over_time(<gauge>[<window>])", "last_over_time(<counter>[<window>])"]),
    ("present_over_time", &["present_over_time(<gauge>[<window>])", "present_over_time(<counter>[<window>])"]),
    ("quantile_over_time", &["quantile_over_time(<quantile>, <gauge>[<window>])"]),
    ("absent_over_time", &["absent_over_time(<absent>[<window>])", "absent_over_time(<counter>[<window>])"]),
    ("sum", &["sum(<vector>)", "sum <by> (<vector>)"]),
    ("avg", &["avg(<vector>)", "avg <by> (<vector>)"]),
    ("min", &["min(<vector>)", "min <by> (<vector>)"]),
    ("max", &["max(<vector>)", "max <by> (<vector>)"]),
    ("count", &["count(<vector>)", "count <by> (<vector>)"]),
    ("group", &["group <by> (<vector>)"]),
    ("stddev", &["stddev(<vector>)", "stddev <by> (<vector>)"]),
    ("stdvar", &["stdvar <by> (<rate>)", "stdvar(<gauge>)"]),
    ("quantile", &["quantile(<quantile>, <vector>)", "quantile <by> (<quantile>, <vector>)"]),
    ("topk", &["topk(<few>, <gauge>)", "topk <by> (<few>, <gauge>)"]),
    ("bottomk", &["bottomk(<few>, <gauge>)", "bottomk <by> (<few>, <gauge>)"]),
    ("count_values", &["count_values(\"of\", phase)", "count_values <by> (\"of\", <counter>)"]),
    ("by", &["<aggregate> by (<label>) (<vector>)", "<aggregate>(<vector>) by (<label>, <label>)"]),
    ("without", &["<aggregate> without (<label>) (<vector>)", "<aggregate>(<vector>) without (<label>, <label>)"]),
    ("arithmetic", &["<vector> <arithmetic> <number>", "<number> <arithmetic> <vector>", "<sums> / <sums>"]),
    ("%", &["<counter> % <divisor>", "<gauge> % <divisor>", "<divisor> % <gauge>"]),
    ("^", &["<gauge> ^ <few>", "<few> ^ <gauge>", "2 ^ 3 ^ <gauge> / 1e5"]),
    ("atan2", &["<counter> atan2 on (host, code, method, kind) temperature", "<sums> atan2 <sums>"]),
    ("comparison", &["<counter> <compare> <whole>", "<gauge> <compare> <number>", "<whole> <compare> <counter>"]),
    ("bool", &["<counter> <compare> bool <whole>", "<gauge> <compare> bool <number>", "<number> <compare> bool 1"]),
    (
        "on",
        &["temperature <arithmetic> on (host) capacity", "<sums> / on (host) capacity", "capacity > on (host) <sums>"],
    ),
    (
        "ignoring",
        &[
            "requests_total{code=\"500\"} / ignoring (code) requests_total{code=\"200\"}",
            "rate(requests_total{method=\"get\"}[<window>]) - ignoring (method) rate(requests_total{method=\"post\"}[<window>])",
            "errors_total{kind=\"io\"} <compare> ignoring (kind) errors_total{kind=\"parse\"}",
            "capacity <arithmetic> ignoring (version) build_info",
        ],
    ),
    (
        "group_left",
        &[
            "<requests> / on (host) group_left () capacity",
            "<requests> * on (host) group_left (version) build_info",
            "<requests> / ignoring (code) group_left () sum without (code) (<requests>)",
            "errors_total <arithmetic> on (host) group_left () temperature",
        ],
    ),
    (
        "group_right",
        &[
            "capacity <arithmetic> on (host) group_right () <requests>",
            "build_info * on (host) group_right (version) <requests>",
            "temperature / ignoring (kind) group_right () errors_total",
        ],
    ),
    (
        "and",
        &["<counter> and <counter>", "<requests> and on (host) <gauge>", "<gauge> and ignoring (version) build_info"],
    ),
    (
        "or",
        &[
            "<counter> or <gauge>",
            "<sums> or <sums>",
            "<gauge> or on (host) <counter>",
            "<counter> or vector(<number>)",
        ],
    ),
    (
        "unless",
        &[
            "<counter> unless <counter>",
            "<requests> unless on (host) <gauge> > 20",
            "<gauge> unless ignoring (host) <gauge>",
        ],
    ),
    ("unary minus", &["-<vector>", "-<gauge> ^ 2", "--<counter>", "-<number> + <vector>"]),
    (
        "subquery",
        &[
            "<over>_over_time(<rate>[<length>:<step>])",
            "<over>_over_time((<sums>)[<length>:<step>])",
            "<over>_over_time(<gauge>[<length>:])",
            "delta(<gauge>[<length>:<step>])",
            "irate(<counter>[<length>:<step>])",
            "max_over_time(deriv(<gauge>[<window>])[<length>:<step>] offset <ago>)",
            "avg_over_time(<gauge>[<length>:<step>] @ <instant>)",
        ],
    ),
    (
        "histogram_quantile",
        &[
            "histogram_quantile(<quantile>, latency_seconds_bucket)",
            "histogram_quantile(<quantile>, rate(latency_seconds_bucket[<window>]))",
            "histogram_quantile(<quantile>, sum by (le) (rate(latency_seconds_bucket[<window>])))",
            "histogram_quantile(<quantile>, sum by (le, host) (increase(latency_seconds_bucket[<window>])))",
            "histogram_quantile(<quantile>, sum by (le) (rate(parse_seconds_bucket[<window>])))",
            "histogram_quantile(<quantile>, parse_seconds_bucket{host=\"<host>\"})",
            "histogram_quantile(<quantile>, sum without (host) (latency_seconds_bucket{le!=\"0.5\"}))",
        ],
    ),
    (
        "label_replace",
        &[
            "label_replace(<vector>, \"to\", \"$1-x\", \"host\", \"(.*)\")",
            "label_replace(<gauge>, \"host\", \"<host>$1\", \"room\", \"(.)[a-z]*\")",
            "label_replace(<counter>, \"method\", \"\", \"method\", \"get\")",
            "label_replace(<vector>, \"to\", \"${of}\", \"code\", \"(?P<of>[0-9]).*\")",
        ],
    ),
    (
        "label_join",
        &[
            "label_join(<vector>, \"to\", \"-\", \"host\", \"code\")",
            "label_join(<gauge>, \"host\", \"\", \"room\", \"<label>\")",
        ],
    ),
    ("absent", &["absent(<absent>)", "absent(<counter>)", "absent(<gauge> > <number>)", "absent(sum(<absent>))"]),
    ("scalar", &["scalar(<gauge>)", "scalar(sum(<vector>))", "<vector> / scalar(max(<gauge>))"]),
    ("vector", &["vector(<number>)", "vector(scalar(sum(<gauge>)))", "vector(time()) - <number>"]),
    ("clamp", &["clamp(<vector>, <number>, 30)", "clamp(<gauge>, 20, <number>)"]),
    ("clamp_min", &["clamp_min(<vector>, <number>)"]),
    ("clamp_max", &["clamp_max(<vector>, <number>)"]),
    ("round", &["round(<gauge>)", "round(<gauge>, <divisor>)", "round(<counter>, <divisor>)"]),
    ("floor", &["floor(<gauge>)", "floor(<counter> / 8)"]),
    ("ceil", &["ceil(<gauge>)", "ceil(<counter> / 8)"]),
    ("abs", &["abs(<gauge>)", "abs(<gauge> - <number>)", "abs(deriv(<gauge>[<window>]))"]),
    ("sgn", &["sgn(<gauge>)", "sgn(<counter> - <whole>)"]),
    ("sqrt", &["sqrt(<vector>)"]),
    ("exp", &["exp(<gauge>)", "exp(-<gauge>)"]),
    ("ln, log2, log10", &["<logarithm>(<vector>)", "<logarithm>(<counter>)"]),
    ("trigonometry", &["<trigonometry>(<gauge>)", "<trigonometry>(<gauge> / 60)", "pi() * <gauge>"]),
    ("sort", &["sort(<gauge>)", "sort(<gauge> - <number>)"]),
    ("sort_desc", &["sort_desc(<gauge>)", "sort_desc(<gauge> * 3)"]),
    ("time", &["time()", "time() - <gauge>", "<counter> / time()", "time() % <divisor>"]),
    ("timestamp", &["timestamp(<counter>)", "timestamp(<gauge>)", "time() - timestamp(<gauge> offset <ago>)"]),
    ("dates", &["<date>()", "<date>(opened_seconds)", "<date>(timestamp(<gauge>))", "<date>(vector(<seconds>))"]),
];

/// The features that stand for `<vector>`.
const NESTED: [&str; 16] = [
    "selector",
    "selector",
    "matcher =~",
    "offset",
    "rate",
    "rate",
    "increase",
    "irate",
    "delta",
    "avg_over_time",
    "max_over_time",
    "last_over_time",
    "sum",
    "max",
    "abs",
    "clamp_min",
];

/// What else stands between `<` and `>`.
const WORDS: &[(&str, &[&str])] = &[
    (
        "counter",
        &[
            "requests_total",
            "requests_total{host=\"<host>\"}",
            "requests_total{code=\"<code>\"}",
            "errors_total",
            "errors_total{kind=\"io\"}",
            "sent_bytes_total",
            "late_total",
            "latency_seconds_count",
            "latency_seconds_sum",
            "parse_seconds_count",
            "parse_seconds_bucket{le=\"1.0\"}",
            "parse_seconds_bucket{host=\"<host>\",le=~\"0.5|4.0|.Inf\"}",
        ],
    ),
    ("counter1", &["requests_total", "errors_total", "sent_bytes_total", "latency_seconds_bucket"]),
    ("gauge", &["level", "level{room=~\"e.*|w.*\"}", "temperature", "temperature{host=\"<host>\"}"]),
    (
        "requests",
        &["requests_total", "rate(requests_total[<window>])", "increase(requests_total{method=\"get\"}[<window>])"],
    ),
    ("rate", &["rate(<counter>[<window>])", "increase(<counter>[<window>])"]),
    (
        "sums",
        &["sum by (host) (<counter>)", "sum by (host) (rate(<counter>[<window>]))", "max by (host) (temperature)"],
    ),
    (
        "absent",
        &[
            "nothing_total",
            "requests_total{host=\"z\"}",
            "level{room=\"attic\",floor=~\".+\"}",
            "up{job=\"a\",job=\"b\"}",
        ],
    ),
    ("names", &["requests_total|errors_total", ".*_total", "temp.*|cap.*", "latency_.*count"]),
    ("host", &["a", "b", "c"]),
    ("pattern", &["a|b", "[bc]", ".*", ".+", "c?", "(a|c)", "z"]),
    ("code", &["200", "404", "500"]),
    ("codes", &["4..", "[45]..", "2.*", "200|500"]),
    ("label", &["host", "code", "method", "kind", "room", "none"]),
    (
        "by",
        &[
            "by (host)",
            "by (code)",
            "by ()",
            "by (host, method)",
            "without (host)",
            "without (code, method)",
            "without ()",
        ],
    ),
    ("aggregate", &["sum", "avg", "min", "max", "count", "stddev", "group"]),
    ("window", &["31s", "1m", "2m", "5m", "9m", "17m", "1h", "1m30s", "10m"]),
    ("length", &["5m", "11m", "20m", "1h"]),
    ("step", &["20s", "30s", "1m", "2m", "7m"]),
    ("over", &["avg", "min", "max", "sum", "count", "last", "stddev"]),
    ("ago", &["1m", "4m", "17m", "1h", "45s"]),
    ("instant", &["1700004000.117", "1700005234.117", "1700006100.117", "1700009000.117"]),
    ("end", &["start()", "end()"]),
    ("seconds", &["60", "3600", "-600", "86400.5"]),
    ("quantile", &["0", "0.1", "0.5", "0.9", "0.99", "1", "-1", "2"]),
    ("few", &["1", "2", "3", "0"]),
    ("number", &["0.3", "-1.5", "2", "17.25", "60", "1e3", "-0.001", "25"]),
    ("whole", &["0", "3", "40", "250", "1200"]),
    ("divisor", &["7", "0.25", "3.5", "100"]),
    ("arithmetic", &["+", "-", "*", "/"]),
    ("compare", &["==", "!=", ">", "<", ">=", "<="]),
    ("logarithm", &["ln", "log2", "log10"]),
    (
        "trigonometry",
        &["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad"],
    ),
    ("date", &["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]),
];

/// `each` expressions for each feature, all of them different; fewer for a feature that has fewer.
pub(crate) fn expressions(random: &mut Random, each: usize) -> Vec<Expression> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for (feature, _) in FEATURES {
        let wanted = all.len() + each;
        for _ in 0..25 * each {
            let mut expression = Expression { text: String::new(), features: BTreeSet::new() };
            expression.push_feature(feature, random);
            if all.len() < wanted && known.insert(expression.text.clone()) {
                all.push(expression);
            }
        }
    }
    all
}

impl Expression {
    fn push_feature(&mut self, name: &str, random: &mut Random) {
        let (name, forms) = FEATURES.iter().find(|feature| feature.0 == name).unwrap_or_else(|| panic!("no {name}"));
        self.features.insert(name);
        self.push_form(forms[random.below(forms.len())], random);
    }

    fn push_form(&mut self, form: &str, random: &mut Random) {
        let mut rest = form;
        while let Some((before, word, after)) = split(rest) {
            self.text.push_str(before);
            match WORDS.iter().find(|known| known.0 == word) {
                Some((_, forms)) => self.push_form(forms[random.below(forms.len())], random),
                None if word == "vector" => self.push_feature(NESTED[random.below(NESTED.len())], random),
                None => panic!("<{word}> stands for nothing"),
            }
            rest = after;
        }
        self.text.push_str(rest);
    }
}

/// What comes before the first word in angle brackets, the word, and what comes after it.
fn split(form: &str) -> Option<(&str, &str, &str)> {
    let is_word = |(begin, _): &(usize, &str)| {
        form[begin + 1..].starts_with(|first: char| first.is_ascii_lowercase()) && !form[..*begin].ends_with("(?P")
    };
    let (begin, _) = form.match_indices('<').find(is_word)?;
    let end = begin + form[begin..].find('>')?;
    Some((&form[..begin], &form[begin + 1..end], &form[end + 1..]))
}
