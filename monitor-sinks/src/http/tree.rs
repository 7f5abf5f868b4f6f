//! An expression as a tree in JSON, as Prometheus gives it to editors.
//!
//! Lengths that depend on the query, such as `step()`, are those of a query without a range.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::Question,
};
use crate::promql::{
    Matcher,
    function::Function,
    syntax::{
        Aggregation, Anchor, At, BinaryOp, Cardinality, Expr, Kind, Length, Matching, QueryLengths, Selector, parse,
    },
    value::Type,
};

/// `/api/v1/parse_query`
pub(super) fn parse_query(question: &Question) -> Result<Answer, Failure> {
    let expr = parse(question.text()).map_err(|error| Failure::of_query(&error))?;
    Ok(Answer::data(tree(&expr).to_string()))
}

fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        Kind::Number(value) => json!({ "type": "numberLiteral", "val": crate::promql::value::plain(*value) }),
        Kind::Text(text) => json!({ "type": "stringLiteral", "val": text.value }),
        Kind::Selector(selector) => of_selector(selector, "vectorSelector"),
        Kind::Range { selector, range } => {
            let mut tree = of_selector(selector, "matrixSelector");
            tree["range"] = json!(millis(range));
            tree
        }
        Kind::Subquery { inner, range, step, at, offset } => json!({
            "type": "subquery",
            "expr": tree(inner),
            "range": millis(range),
            "step": step.as_ref().map_or(0, millis),
            "offset": millis(offset),
            "timestamp": timestamp(*at),
            "startOrEnd": anchor(*at),
        }),
        Kind::Paren(inner) => json!({ "type": "parenExpr", "expr": tree(inner) }),
        Kind::Unary { negate, inner } => {
            json!({ "type": "unaryExpr", "op": if *negate { "-" } else { "+" }, "expr": tree(inner) })
        }
        Kind::Binary { op, matching, left, right } => {
            let of_vectors = [left, right].iter().all(|side| side.of_type() == Type::Vector);
            json!({
                "type": "binaryExpr",
                "op": op.as_str(),
                "lhs": tree(left),
                "rhs": tree(right),
                "matching": of_vectors.then(|| of_matching(*op, matching)),
                "bool": matching.bool,
            })
        }
        Kind::Aggregation(aggregation) => of_aggregation(aggregation),
        Kind::Call { function, arguments } => json!({
            "type": "call",
            "func": of_function(function),
            "args": arguments.iter().map(tree).collect::<Vec<_>>(),
        }),
    }
}

fn of_selector(selector: &Selector, kind: &str) -> Value {
    let matcher =
        |matcher: &Matcher| json!({ "name": matcher.label(), "type": matcher.op().as_str(), "value": matcher.value() });
    let is_name = |matcher: &&Matcher| matcher.label() == "__name__" && matcher.op().as_str() == "=";
    json!({
        "type": kind,
        "name": selector.matchers.iter().find(is_name).map_or("", Matcher::value),
        "matchers": selector.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "offset": millis(&selector.offset),
        "timestamp": timestamp(selector.at),
        "startOrEnd": anchor(selector.at),
    })
}

fn of_aggregation(aggregation: &Aggregation) -> Value {
    json!({
        "type": "aggregation",
        "op": aggregation.op.as_str(),
        "expr": tree(&aggregation.inner),
        "param": aggregation.parameter.as_deref().map(tree),
        "grouping": aggregation.grouping.labels,
        "without": aggregation.grouping.without,
    })
}

fn of_matching(op: BinaryOp, matching: &Matching) -> Value {
    let card = match matching.cardinality {
        _ if op.is_set() => "many-to-many",
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
    };
    json!({ "card": card, "labels": matching.labels, "on": matching.on, "include": matching.include })
}

fn of_function(function: &Function) -> Value {
    let variadic = if function.repeated { -1 } else { i64::try_from(function.optional).unwrap_or(-1) };
    json!({
        "name": function.name,
        "argTypes": function.arguments.iter().map(|argument| type_name(*argument)).collect::<Vec<_>>(),
        "variadic": variadic,
        "returnType": type_name(function.returns),
    })
}

fn type_name(value: Type) -> &'static str {
    match value {
        Type::Scalar => "scalar",
        Type::Vector => "vector",
        Type::Range => "matrix",
        Type::Text => "string",
    }
}

fn millis(length: &Length) -> i64 {
    length.millis(QueryLengths { step: 0, range: 0 }).unwrap_or(0)
}

fn timestamp(at: Option<At>) -> Option<i64> {
    at.and_then(|at| if let At::Time(millis) = at { Some(millis) } else { None })
}

fn anchor(at: Option<At>) -> Option<&'static str> {
    match at {
        Some(At::Anchor(Anchor::Start)) => Some("start"),
        Some(At::Anchor(Anchor::End)) => Some("end"),
        Some(At::Time(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        tree(&parse(text).unwrap())
    }

    #[test]
    fn a_selector_has_its_parts() {
        let name = json!({ "name": "__name__", "type": "=", "value": "up" });
        let job = json!({ "name": "job", "type": "=~", "value": "a|b" });
        let wanted = json!({
            "type": "matrixSelector", "name": "up", "range": 300_000, "offset": 60_000, "timestamp": null,
            "startOrEnd": "end", "matchers": [job, name],
        });
        let mut found = parsed(r#"up{job=~"a|b"}[5m] @ end() offset 1m"#);
        found["matchers"].as_array_mut().unwrap().sort_by_key(|matcher| matcher["name"] == "__name__");
        assert_eq!(found, wanted);
        assert_eq!(parsed("up @ 3")["timestamp"], 3000);
        assert_eq!(parsed("up[1h:5m]")["step"], 300_000);
    }

    #[test]
    fn operators_and_calls_say_what_they_take() {
        let sum = parsed("sum by (job) (a) / on (job) group_left (b) topk(2, -c)");
        assert_eq!((&sum["op"], &sum["bool"]), (&json!("/"), &json!(false)));
        let matching = json!({ "card": "many-to-one", "labels": ["job"], "on": true, "include": ["b"] });
        assert_eq!(sum["matching"], matching);
        assert_eq!((&sum["lhs"]["grouping"], &sum["lhs"]["param"]), (&json!(["job"]), &Value::Null));
        assert_eq!(sum["rhs"]["param"], json!({ "type": "numberLiteral", "val": "2" }));
        assert_eq!(sum["rhs"]["expr"]["type"], "unaryExpr");
        assert_eq!(parsed("a and b")["matching"]["card"], "many-to-many");
        assert_eq!(parsed("a > bool 2")["matching"], Value::Null);
        let rate = json!({ "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector" });
        assert_eq!(parsed("rate(a[5m])")["func"], rate);
        assert_eq!(parsed("round(a)")["func"]["variadic"], 1);
    }

    #[test]
    fn the_deepest_expression_is_a_tree() {
        let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        let deepest = (1..10_000).take_while(|&depth| parse(&deep(depth)).is_ok()).last().unwrap();
        assert!(deepest < 5000, "something bounds it");
        assert!(parsed(&deep(deepest)).to_string().len() > deepest * 20);
    }
}
