use super::*;

/// The text of the expression with every operation in parentheses.
fn shape(text: &str) -> String {
    fn of(expr: &Expr) -> String {
        match &expr.kind {
            Kind::Binary { op, left, right, .. } => format!("({} {} {})", of(left), op.as_str(), of(right)),
            Kind::Unary { negate, inner } => format!("({}{})", if *negate { '-' } else { '+' }, of(inner)),
            Kind::Paren(inner) => of(inner),
            _ => expr.to_string(),
        }
    }
    of(&parse(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[test]
fn operators_bind_as_in_prometheus() {
    for (text, wanted) in [
        ("1 + 2 * 3 ^ 4 ^ 5 - 6", "((1 + (2 * (3 ^ (4 ^ 5)))) - 6)"),
        ("a or b and c unless d or e", "((a or ((b and c) unless d)) or e)"),
        ("a + b == bool c % d", "((a + b) == (c % d))"),
        ("-a ^ 2 * b", "((-(a ^ 2)) * b)"),
        ("2 ^ -a * 3", "((2 ^ (-a)) * 3)"),
        ("-2^---1*3", "((-(2 ^ -1)) * 3)"),
        ("a atan2 b * c", "((a atan2 b) * c)"),
        ("h </ 5 + 1 and x", "((h </ (5 + 1)) and x)"),
    ] {
        assert_eq!(shape(text), wanted, "{text}");
    }
}

#[test]
fn what_is_printed_parses_to_the_same() {
    for text in [
        "sum by (job, \"a b\") (rate(x{a=\"b\", c!~\"d|e\"}[5m] offset -1m))",
        "topk(3, x) and ignoring (a) {\"a.b\", c=\"\\\"\\n\"}",
        "x @ -1.500 offset 1h30m + on (a) group_left (b) y @ end()",
        "max_over_time((a + fill_left (-1) fill_right (2) b)[1h:5m] @ 12.000)",
        "sum without () (x) == bool 1",
        "histogram_quantile(0.9, rate(x[5m * 2] smoothed))",
        "rate(x[step() + 1s] anchored offset (1h / 2))",
        "-(-a) ^ +b",
        "quantile(NaN, on:x:y) or vector(-Inf)",
        "{__name__=\"on\"}",
    ] {
        let once = parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string();
        assert_eq!(parse(&once).unwrap().to_string(), once, "{text}");
        assert_eq!(once.replace(' ', ""), text.replace(' ', ""));
    }
}

#[test]
fn keywords_are_names_where_they_can_be() {
    for text in
        ["sum", "by", "offset offset 5m", "sum(sum)", "x{on=\"1\", bool=\"2\"}", "SUM(x) BY (group)", "fill", "start"]
    {
        assert!(parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_mistake_is_found_where_it_is() {
    for (text, message) in [
        ("", "1:1: no expression found in input"),
        ("sum(raet(x[5m]))", "1:5: unknown function `raet`; did you mean `rate`?"),
        ("1 +\n* 2", "2:1: unexpected \"*\" in an expression"),
        ("x y", "1:3: unexpected \"y\" after the expression"),
        ("(x", "1:3: unexpected end of input in parentheses, expected \")\""),
        ("x{a=b}", "1:5: unexpected \"b\" in label matching, expected string"),
        ("rate(x)", "1:6: expected type range vector in call to function \"rate\", got instant vector"),
        ("x[5m] + 1", "1:1: binary expression must contain only scalar and instant vector types"),
        ("1 == 1", "1:1: comparisons between scalars must use BOOL modifier"),
        ("x{}[0s]", "1:5: duration must be greater than 0"),
        ("x[1e40]", "1:3: duration is out of range; the longest is 1000y"),
        ("x{a=\"1\"", "1:8: unexpected end of input in label matching, expected \",\" or \"}\""),
        ("{a=~\".*\"}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("'a", "1:1: the string that begins here has no closing '"),
        ("x offset 1m offset 1m", "1:13: offset may not be set multiple times"),
        ("a + on(b) group_left(b) c", "1:1: label \"b\" must not occur in ON and GROUP clause at once"),
        ("round(x, 1, 2)", "1:1: expected at most 2 argument(s) in call to \"round\", got 3"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn depth_is_refused_and_never_overflows_the_stack() {
    let nested = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    assert!(parse(&nested(MAX_NESTING - 1)).is_ok());
    assert!(parse(&format!("1{}", " + 1".repeat(MAX_DEPTH - 1))).is_ok());
    for text in [
        nested(100_000),
        "(".repeat(100_000),
        "-".repeat(100_000),
        format!("1{}", " + 1".repeat(100_000)),
        format!("1{}", " ^ 1".repeat(100_000)),
        "abs(".repeat(100_000),
        format!("x[{}1", "(".repeat(100_000)),
        format!("x[{}1", "-".repeat(100_000)),
        format!("x[1{}]", "+1".repeat(100_000)),
    ] {
        assert!(parse(&text).unwrap_err().is_limit(), "{}", &text[..20]);
    }
}
