//! Parts of an expression whose value is one number.

use super::{Context, Node, binary::of_floats};
use crate::promql::{error::Error, syntax::BinaryOp};

/// A number at each instant.
pub(super) enum Scalar {
    Number(f64),
    /// The instant itself, in seconds.
    Time,
    Negate(Box<Scalar>),
    Binary {
        op: BinaryOp,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
    Least(Box<Scalar>, Box<Scalar>),
    Greatest(Box<Scalar>, Box<Scalar>),
    /// The one number of a vector.
    Only(Box<dyn Node>),
}

impl Scalar {
    pub(super) fn eval(&mut self, at: i64, context: &mut Context) -> Result<f64, Error> {
        Ok(match self {
            Self::Number(value) => *value,
            Self::Time => at as f64 / 1000.0,
            Self::Negate(inner) => -inner.eval(at, context)?,
            Self::Binary { op, left, right } => of_floats(*op, left.eval(at, context)?, right.eval(at, context)?),
            Self::Least(left, right) => pick(left.eval(at, context)?, right.eval(at, context)?, f64::min),
            Self::Greatest(left, right) => pick(left.eval(at, context)?, right.eval(at, context)?, f64::max),
            Self::Only(vector) => {
                let vector = vector.eval(at, context)?;
                let mut floats = vector.iter().filter_map(|sample| sample.value.as_float());
                match (floats.next(), floats.next()) {
                    (Some(value), None) => value,
                    _ => f64::NAN,
                }
            }
        })
    }
}

/// One of two; not-a-number if one of them is.
fn pick(left: f64, right: f64, pick: fn(f64, f64) -> f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { pick(left, right) }
}
