use super::*;
use crate::random::Random;

fn rule(text: &str) -> Rule {
    Rule::parse("r", text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn message(text: &str) -> String {
    Rule::parse("r", text).map_or_else(|error| error.to_string(), |rule| panic!("{text}: {rule:?}"))
}

#[test]
fn a_line_says_what_the_builder_says() {
    let built = Rule::new("r")
        .when("avg_over_time(cpu[5m])")
        .above(80.0)
        .clear_below(70.0)
        .severity(Severity::High)
        .level(Level::new(Severity::Critical, Comparison::Above, 95.0))
        .held_for(Duration::from_mins(1))
        .keep_firing(Duration::from_mins(5))
        .missing(Missing::Keep)
        .min_coverage(0.5, Duration::from_secs(10));
    let text = "avg_over_time(cpu[5m]) > 80 clear 70 severity high, > 95 severity critical for 1m keep 5m missing keep \
                coverage 0.5 every 10s";
    assert_eq!(rule(text), built);
    assert_eq!(built.to_text().unwrap(), text);
}

#[test]
fn each_element_is_an_alert_where_nothing_is_compared_with_a_number() {
    let present = |expr: &str| Rule::new("r").when(expr).severity(Severity::High);
    assert_eq!(rule("each up == 0 severity high"), present("up == 0"));
    assert_eq!(rule("a > on (host) b severity high"), present("a > on (host) b"));
    assert_eq!(rule("up > bool 0 severity high"), present("up > bool 0"));
    assert_eq!(rule("absent(up) severity high"), present("absent(up)"));
    assert_eq!(rule("a > 5 and b severity high").condition(), &Condition::Present(Severity::High));
}

#[test]
fn metrics_that_are_called_like_clauses_go_into_parentheses() {
    let odd = Rule::new("r").when("a + for").above(-0.5);
    assert_eq!(rule(&odd.to_text().unwrap()), odd);
    assert_eq!(rule("keep > 1 keep 1m").expr(), "keep");
    assert_eq!(rule("(each) > 1").to_text().unwrap(), "(each) > 1");
    assert_eq!(rule(r#"a{for="keep, for"} > 1 for 1m"#).expr(), r#"a{for="keep, for"}"#);
}

#[test]
fn mistakes_have_a_place_and_a_cure() {
    for (text, wanted) in [
        ("cpu > 80 fro 1m", "1:10: unknown word `fro`; did you mean `for`?"),
        ("cpu > 80 for 1x", "1:14: expected a time such as `1m30s`, found `1x`"),
        ("cpu > 80 severity hihg", "1:19: there is no severity `hihg`; did you mean `high`?"),
        ("cpu > 80\n  missing kep", "2:11: expected one of keep, resolve, fire, ignore, found `kep`"),
        ("raet(cpu[5m]) > 1 for 1m", "1:1: unknown function `raet`; did you mean `rate`?"),
        ("each  raet(cpu[5m])", "1:7: unknown function `raet`; did you mean `rate`?"),
        ("cpu > 80, 95", "1:11: expected a comparison such as `> 95`, found `95`"),
        ("cpu > 80 for", "1:13: expected a time such as `1m30s`"),
        ("up for 1m clear 3", "1:11: `clear` follows its threshold"),
        ("cpu > 80 clear 90", "an alert at > 80 cannot clear at 90, where it does not hold yet"),
        ("cpu > 80, > 90", "two thresholds have the severity medium; give each its own"),
        ("up missing keep", "without a threshold nobody can tell"),
        ("cpu[5m]", "the expression is a range vector; it has no values at an instant"),
    ] {
        let found = message(text);
        assert!(found.starts_with(&format!("rule `r`: {}", wanted.split("; did").next().unwrap())), "{text}: {found}");
        assert!(found.contains(wanted), "{text}: {found}");
    }
}

/// Any rule that can be built reads back as itself.
#[test]
fn what_is_printed_reads_back() {
    let mut random = Random(7);
    for _ in 0..3_000 {
        let rule = generated(&mut random);
        let text = rule.to_text().unwrap();
        let again = Rule::parse("r", &text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(again, rule, "{text}");
    }
}

/// Texts of no sense are refused, and cost nothing.
#[test]
fn no_text_panics() {
    let mut random = Random(11);
    let pieces = [
        "cpu", ">", "80", "clear", "severity", "high", ",", "for", "1m", "(", ")", "\"", "é", "#", "\n", "each",
        "[5m]", "-", "{",
    ];
    for _ in 0..20_000 {
        let count = random.below(9);
        let text: Vec<&str> = (0..count).map(|_| pieces[random.below(pieces.len())]).collect();
        let glue = ["", " "][random.below(2)];
        let _ = Rule::parse("r", &text.join(glue));
    }
}

fn generated(random: &mut Random) -> Rule {
    let exprs = [
        "cpu",
        "each",
        "for",
        "a + for",
        "a or b",
        "a > 3",
        "sum by (host) (rate(x_total{job=\"a, for b\"}[5m]))",
        "-cpu",
        "cpu offset 5m",
        "absent(up)",
        "a and b == 0",
        "1 - (a / b)",
        "max_over_time(x[1h:5m]) * 100",
    ];
    let mut rule = Rule::new("r").when(exprs[random.below(exprs.len())]);
    let levels = random.below(4);
    for at in 0..levels {
        let comparison = Comparison::ALL[random.below(6)];
        let threshold = [0.0, -0.5, 80.0, 1e21, f64::INFINITY, 1e-7][random.below(6)];
        let mut level = Level::new(Severity::ALL[at], comparison, threshold);
        if !matches!(comparison, Comparison::Equal | Comparison::NotEqual) && random.below(2) == 0 {
            level.clear = Some(threshold);
        }
        rule = rule.level(level);
    }
    if levels == 0 {
        rule = rule.severity(Severity::ALL[random.below(4)]);
    } else if random.below(2) == 0 {
        rule = rule.missing(Missing::ALL[random.below(4)]);
    }
    if random.below(2) == 0 {
        rule = rule.held_for(Duration::from_millis(random.below(10_000_000) as u64));
    }
    if random.below(2) == 0 {
        rule = rule.keep_firing(Duration::from_secs(random.below(10_000) as u64));
    }
    if random.below(3) == 0 { rule.min_coverage(0.25, Duration::from_secs(15)) } else { rule }
}
