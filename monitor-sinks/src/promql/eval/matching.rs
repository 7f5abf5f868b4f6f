//! Operators between two vectors, whose samples are paired by their labels.
//!
//! The labels that must be equal are a signature. Signatures are numbered, and the number of each series is found out
//! once, so that pairing at an instant is looking up numbers. One side, the "one", has at most one sample for a
//! signature; the other, the "many", has as many as the modifier allows.

use std::collections::{HashMap, HashSet};

use super::{
    Context, Node, Sample, Table, Vector,
    binary::combine,
    table::{Meta, Once},
};
use crate::promql::{
    error::Error,
    labels::{Labels, NAME},
    syntax::{BinaryOp, Cardinality, Matching, Span},
    value::Value,
};

/// An operator between two vectors that is not a set operator.
pub(super) struct Matched {
    op: BinaryOp,
    matching: Matching,
    many: Box<dyn Node>,
    one: Box<dyn Node>,
    span: Span,
    many_signatures: Vec<usize>,
    one_signatures: Vec<usize>,
    signatures: Signatures,
    /// Results by the numbers of their two series; a series that is filled in has none.
    results: HashMap<(Option<usize>, Option<usize>, usize), usize>,
    table: Table,
    seen: Once,
}

/// Numbers of the label sets by which series are paired.
#[derive(Default)]
pub(super) struct Signatures {
    numbers: HashMap<Labels, usize>,
    list: Vec<Labels>,
}

impl Matched {
    pub(super) fn new(op: BinaryOp, matching: Matching, left: Box<dyn Node>, right: Box<dyn Node>, span: Span) -> Self {
        let swap = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swap { (right, left) } else { (left, right) };
        Self {
            op,
            matching,
            many,
            one,
            span,
            many_signatures: Vec::new(),
            one_signatures: Vec::new(),
            signatures: Signatures::default(),
            results: HashMap::new(),
            table: Table::default(),
            seen: Once::default(),
        }
    }

    /// The samples of the "one" side by signature.
    fn index_one(&self, one: Vec<Sample>) -> Result<Vec<Option<Sample>>, Error> {
        let mut index: Vec<Option<Sample>> = vec![None; self.signatures.list.len()];
        for sample in one {
            let signature = self.one_signatures[sample.id];
            if let Some(first) = &index[signature] {
                return Err(self.duplicate(signature, first.id, sample.id));
            }
            index[signature] = Some(sample);
        }
        Ok(index)
    }

    fn duplicate(&self, signature: usize, first: usize, second: usize) -> Error {
        let side = if self.matching.cardinality == Cardinality::OneToMany { "left" } else { "right" };
        let mut both = [first, second].map(|id| self.one.series().labels(id).to_string());
        both.sort();
        let [first, second] = both;
        Error::evaluation(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: \
             [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side",
            self.signatures.list[signature]
        ))
    }

    /// One pair; either may be a value filled in.
    fn pair(&mut self, pair: &Pair<'_>, pairs: &mut Pairs, context: &Context) -> Result<Option<Sample>, Error> {
        let swapped = self.matching.cardinality == Cardinality::OneToMany;
        let (left, right) = if swapped { (pair.one, pair.many) } else { (pair.many, pair.one) };
        let Some(outcome) = combine(self.op, left, right, self.span, context) else { return Ok(None) };
        let id = self.result(pair.many_id, pair.one_id, pair.signature);
        if !pairs.insert(self.matching.cardinality, pair.signature, id) {
            return Err(Error::evaluation(match self.matching.cardinality {
                Cardinality::OneToOne => {
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                }
                _ => "multiple matches for labels: grouping labels must ensure unique matches",
            }));
        }
        if !outcome.keep && !self.matching.bool {
            return Ok(None);
        }
        if !self.seen.is_first(id) {
            return Err(Error::same_labels());
        }
        let value = if self.matching.bool { Value::Float(f64::from(u8::from(outcome.keep))) } else { outcome.value };
        Ok(Some(Sample { id, value }))
    }

    /// The number of the series of a result.
    fn result(&mut self, many: Option<usize>, one: Option<usize>, signature: usize) -> usize {
        let key = (many, one, signature);
        if let Some(&id) = self.results.get(&key) {
            return id;
        }
        let filled = || Meta { labels: self.signatures.list[signature].clone(), drop_name: false };
        let many = many.map_or_else(filled, |id| self.many.series().get(id).clone());
        let one = one.map_or_else(filled, |id| self.one.series().get(id).clone());
        let mut labels = if self.op.drops_name() { many.labels.without_name() } else { many.labels };
        if self.matching.cardinality == Cardinality::OneToOne {
            let listed = &self.matching.labels;
            labels = if self.matching.on { labels.only(listed) } else { labels.without(listed) };
        }
        for label in &self.matching.include {
            labels = labels.with(label, one.labels.get(label).unwrap_or_default());
        }
        let id = self.table.intern(Meta { labels, drop_name: many.drop_name || self.matching.bool });
        self.results.insert(key, id);
        id
    }
}

/// Two values that belong together.
struct Pair<'a> {
    many: &'a Value,
    one: &'a Value,
    many_id: Option<usize>,
    one_id: Option<usize>,
    signature: usize,
}

/// The pairs of an instant: of a signature there is one pair, or one for each result.
#[derive(Default)]
struct Pairs {
    signatures: HashSet<usize>,
    results: HashSet<(usize, usize)>,
}

impl Pairs {
    /// Whether the pair may be.
    fn insert(&mut self, cardinality: Cardinality, signature: usize, result: usize) -> bool {
        let is_new = self.signatures.insert(signature);
        match cardinality {
            Cardinality::OneToOne => is_new,
            _ => self.results.insert((signature, result)),
        }
    }
}

impl Node for Matched {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let swapped = self.matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped {
            let one = self.one.eval(at, context)?;
            (self.many.eval(at, context)?, one)
        } else {
            let many = self.many.eval(at, context)?;
            (many, self.one.eval(at, context)?)
        };
        let fills = (self.matching.fill_left, self.matching.fill_right);
        let (fill_many, fill_one) = if swapped { (fills.1, fills.0) } else { fills };
        if many.is_empty() && (one.is_empty() || fill_many.is_none())
            || one.is_empty() && fill_one.is_none() && fill_many.is_none()
        {
            return Ok(Vec::new());
        }
        self.seen.begin();
        self.signatures.number(&mut self.many_signatures, self.many.series(), &self.matching);
        self.signatures.number(&mut self.one_signatures, self.one.series(), &self.matching);
        let index = self.index_one(one)?;
        let mut pairs = Pairs::default();
        let mut vector = Vec::with_capacity(many.len());
        let fill_one = fill_one.map(Value::Float);
        for sample in &many {
            let signature = self.many_signatures[sample.id];
            let found = index[signature].as_ref();
            let Some(one) = found.map(|sample| &sample.value).or(fill_one.as_ref()) else { continue };
            let one_id = found.map(|sample| sample.id);
            let pair = Pair { many: &sample.value, one, many_id: Some(sample.id), one_id, signature };
            vector.extend(self.pair(&pair, &mut pairs, context)?);
        }
        if let Some(fill) = fill_many.map(Value::Float) {
            for (signature, sample) in index.iter().enumerate().filter_map(|(at, sample)| Some((at, sample.as_ref()?)))
            {
                if !pairs.signatures.contains(&signature) {
                    let pair =
                        Pair { many: &fill, one: &sample.value, many_id: None, one_id: Some(sample.id), signature };
                    vector.extend(self.pair(&pair, &mut pairs, context)?);
                }
            }
        }
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

impl Signatures {
    /// Extends `known`, the numbers of signatures by series, to all series of a node.
    pub(super) fn number(&mut self, known: &mut Vec<usize>, table: &Table, matching: &Matching) {
        for id in known.len()..table.len() {
            let labels = table.labels(id);
            let signature = if matching.on {
                labels.only(&matching.labels)
            } else {
                labels.filter(|label| label != NAME && matching.labels.iter().all(|listed| listed != label))
            };
            let next = self.list.len();
            let number = *self.numbers.entry(signature.clone()).or_insert(next);
            if number == next {
                self.list.push(signature);
            }
            known.push(number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}
