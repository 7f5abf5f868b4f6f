//! Questions in PromQL: at an instant, over a range, and about their text.

use std::time::Duration;

use super::{
    answer::{Answer, Failure},
    api::Question,
    json,
};
use crate::promql::{self, Data, Query};

/// How many steps a range may have, as in Prometheus: a point each, and the first.
const MOST_STEPS: i64 = 11_000;

/// `/api/v1/query`
pub(super) fn query(question: &Question) -> Result<Answer, Failure> {
    let time = question.parameters.instant("time")?.unwrap_or(question.now);
    reply(question, question.query()?.at(time))
}

/// `/api/v1/query_range`
pub(super) fn query_range(question: &Question) -> Result<Answer, Failure> {
    let parameters = &question.parameters;
    let (start, end) = (parameters.required_instant("start")?, parameters.required_instant("end")?);
    if end < start {
        return Err(Failure::parameter("end", "end timestamp must not be before start time"));
    }
    let step = parameters.required_length("step")?;
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failure::parameter("step", message));
    }
    if (end - start) / step > MOST_STEPS {
        return Err(Failure::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    reply(question, question.query()?.range(start, end, step))
}

/// `/api/v1/query_exemplars`: none are kept for metrics, so the list is empty.
pub(super) fn query_exemplars(question: &Question) -> Result<Answer, Failure> {
    question.parameters.window()?;
    promql::format(question.text()).map_err(|error| Failure::of_query(&error))?;
    Ok(Answer::data("[]"))
}

/// `/api/v1/format_query`
pub(super) fn format_query(question: &Question) -> Result<Answer, Failure> {
    let formatted = promql::format(question.text()).map_err(|error| Failure::of_query(&error))?;
    let mut data = String::new();
    json::text(&mut data, &formatted);
    Ok(Answer::data(data))
}

impl Question {
    /// The text of the query; none is the empty one, which is no PromQL.
    pub(super) fn text(&self) -> &str {
        self.parameters.text("query").unwrap_or_default()
    }

    /// The query with this server's limits, and a point more than there are steps.
    fn query(&self) -> Result<Query<'_>, Failure> {
        let query = Query::new(&*self.api.source, self.text())
            .max_steps(MOST_STEPS as usize + 1)
            .max_samples(self.api.limits.samples)
            .deadline(self.deadline);
        Ok(match self.parameters.length("lookback_delta")? {
            Some(millis) => query.lookback(Duration::from_millis(millis.try_into().unwrap_or_default())),
            None => query,
        })
    }
}

fn reply(question: &Question, answer: Result<promql::Answer, promql::Error>) -> Result<Answer, Failure> {
    let limit = question.parameters.limit("limit")?;
    let answer = answer.map_err(|error| Failure::of_query(&error))?;
    let (warnings, infos) = (answer.warnings().to_vec(), answer.infos().to_vec());
    let mut data = answer.into_data();
    let is_cut = match &mut data {
        Data::Vector(elements) => cut(elements, limit),
        Data::Matrix(lines) => cut(lines, limit),
        _ => false,
    };
    let mut json = String::new();
    json::data(&mut json, &data);
    Ok(Answer::Data { json, warnings, infos }.cut(is_cut))
}

/// Cuts a list at `limit`; says whether that left anything out.
fn cut<T>(list: &mut Vec<T>, limit: usize) -> bool {
    let is_longer = list.len() > limit;
    list.truncate(limit);
    is_longer
}
