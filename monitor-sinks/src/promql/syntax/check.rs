//! What a node must keep to beyond grammar: types of operands, numbers of arguments, modifiers that fit.

use super::{Aggregation, BinaryOp, Cardinality, Expr, Kind, Matching};
use crate::promql::{error::Error, function::Function, value::Type};

/// The node, if it and its direct children fit together.
pub(super) fn check(expr: Expr) -> Result<Expr, Error> {
    match &expr.kind {
        Kind::Unary { inner, .. } if !is_number_like(inner) => Err(Error::syntax(
            expr.span,
            format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                inner.of_type()
            ),
        )),
        Kind::Subquery { inner, .. } => expect(Type::Vector, inner, "subquery").map(|()| expr),
        Kind::Binary { op, matching, left, right } => binary(&expr, *op, matching, left, right).map(|()| expr),
        Kind::Aggregation(aggregation) => aggregation_types(aggregation).map(|()| expr),
        Kind::Call { function, arguments } => call(&expr, function, arguments).map(|()| expr),
        _ => Ok(expr),
    }
}

fn is_number_like(expr: &Expr) -> bool {
    matches!(expr.of_type(), Type::Scalar | Type::Vector)
}

fn expect(wanted: Type, expr: &Expr, place: &str) -> Result<(), Error> {
    match expr.of_type() {
        found if found == wanted => Ok(()),
        found => Err(Error::syntax(expr.span, format!("expected type {wanted} in {place}, got {found}"))),
    }
}

fn binary(expr: &Expr, op: BinaryOp, matching: &Matching, left: &Expr, right: &Expr) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::syntax(expr.span, message));
    if let Some(side) = [left, right].into_iter().find(|side| !is_number_like(side)) {
        let message = "binary expression must contain only scalar and instant vector types";
        return Err(Error::syntax(side.span, message));
    }
    let scalars = [left, right].into_iter().filter(|side| side.of_type() == Type::Scalar).count();
    if matching.bool && !op.is_comparison() {
        return refuse(String::from("bool modifier can only be used on comparison operators"));
    }
    if op.is_comparison() && scalars == 2 && !matching.bool {
        return refuse(String::from("comparisons between scalars must use BOOL modifier"));
    }
    if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) && scalars == 2 {
        return refuse(format!("operator {:?} is not defined between scalars", op.as_str()));
    }
    if op.is_set() && scalars > 0 {
        return refuse(format!("set operator {:?} not allowed in binary scalar expression", op.as_str()));
    }
    if op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return refuse(format!("no grouping allowed for {:?} operation", op.as_str()));
    }
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if op.is_set() && fills {
        return refuse(String::from("filling in missing series not allowed for set operators"));
    }
    if scalars > 0 && (fills || matching.explicit && !matching.labels.is_empty()) {
        return refuse(String::from("vector matching only allowed between instant vectors"));
    }
    if let Some(label) = matching.include.iter().find(|label| matching.on && matching.labels.contains(label)) {
        return refuse(format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    Ok(())
}

fn aggregation_types(aggregation: &Aggregation) -> Result<(), Error> {
    expect(Type::Vector, &aggregation.inner, "aggregation expression")?;
    match (aggregation.op.parameter(), &aggregation.parameter) {
        (Some(wanted), Some(parameter)) => expect(wanted, parameter, "aggregation parameter"),
        _ => Ok(()),
    }
}

fn call(expr: &Expr, function: &Function, arguments: &[Expr]) -> Result<(), Error> {
    let (least, most) = function.arity();
    let name = function.name;
    if arguments.len() < least || arguments.len() > most {
        let wanted = match () {
            () if least == most => format!("{least} argument(s)"),
            () if arguments.len() < least => format!("at least {least} argument(s)"),
            () => format!("at most {most} argument(s)"),
        };
        let message = format!("expected {wanted} in call to {name:?}, got {}", arguments.len());
        return Err(Error::syntax(expr.span, message));
    }
    for (at, argument) in arguments.iter().enumerate() {
        expect(function.argument(at), argument, &format!("call to function {name:?}"))?;
    }
    if name == "info" && arguments.get(1).is_some_and(|labels| !matches!(labels.bare().kind, Kind::Selector(_))) {
        return Err(Error::syntax(arguments[1].span, "expected label selectors only as second argument of \"info\""));
    }
    Ok(())
}
