//! The newest value of each series, for whoever scrapes: `/metrics` and `/federate`.

use std::collections::BTreeMap;

use super::{
    answer::{Answer, Failure},
    api::Question,
    exposition::{Exposition, Form},
};
use crate::promql::{Data, Element, Labels, Query};

/// `/metrics`: every series that has a value now, without time, in the format that the client prefers.
pub(super) fn metrics(question: &Question) -> Result<Answer, Failure> {
    let newest = question.newest(r#"{__name__!=""}"#)?;
    question.exposed(&newest, Form::preferred(&question.accept), false)
}

/// `/federate`: the series of each `match[]`, with the time of the question, in the Prometheus text format.
pub(super) fn federate(question: &Question) -> Result<Answer, Failure> {
    question.parameters.selectors()?;
    let mut all: BTreeMap<Labels, Element> = BTreeMap::new();
    for selector in question.parameters.all("match[]") {
        all.extend(question.newest(selector)?.into_iter().map(|element| (element.labels.clone(), element)));
    }
    question.exposed(&all.into_values().collect::<Vec<_>>(), Form::Prometheus, true)
}

impl Question {
    /// The series of a selector that have a value now.
    fn newest(&self, selector: &str) -> Result<Vec<Element>, Failure> {
        let query =
            Query::new(&*self.api.source, selector).max_samples(self.api.limits.samples).deadline(self.deadline);
        let answer = query.at(self.now).map_err(|error| Failure::of_query(&error))?;
        Ok(if let Data::Vector(elements) = answer.into_data() { elements } else { Vec::new() })
    }

    fn exposed(&self, elements: &[Element], form: Form, with_time: bool) -> Result<Answer, Failure> {
        let metadata = self.api.source.metadata().map_err(|error| Failure::of_source(&error))?;
        let text = Exposition::new(form, with_time, &metadata).text(elements);
        Ok(Answer::Text { content_type: form.content_type(), text })
    }
}
