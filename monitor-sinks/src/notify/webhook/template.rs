//! A body of the user's own.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, value::Serde};

use super::preset::message_json;
use crate::notify::{
    Message,
    plain::{body, headline},
};

const NAME: &str = "body";

/// So much work a body may be, in instructions of its template, about: a digest of thousands of alerts is less.
const MOST_WORK: u64 = 2_000_000;

/// A checked template. Names that a message does not have are mistakes.
#[derive(Debug)]
pub(super) struct Template(Environment<'static>);

impl Template {
    pub(super) fn new(source: String) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(MOST_WORK));
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, source).map_err(|error| said(&error))?;
        Ok(Self(environment))
    }

    pub(super) fn render(&self, message: &Message) -> Result<String, String> {
        let mut context = message_json(message)?;
        context["headline"] = headline(message).into();
        context["body"] = body(message).into();
        let template = self.0.get_template(NAME).map_err(|error| said(&error))?;
        template.render(Serde(&context)).map_err(|error| said(&error))
    }
}

fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn said(error: &Error) -> String {
    format!("the template of its body is wrong: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Kind;

    #[test]
    fn a_body_is_made_of_the_parts_of_a_message() {
        let mut message = Message::new(Kind::Firing, "high_cpu", "f00d");
        message.title = String::from("say \"no\"");
        message.labels.insert(String::from("host"), String::from("h1"));
        let template =
            Template::new(String::from("{\"t\": {{ title|tojson }}, \"h\": \"{{ labels.host }}\"}")).unwrap();
        assert_eq!(template.render(&message).unwrap(), "{\"t\": \"say \\\"no\\\"\", \"h\": \"h1\"}");
    }

    #[test]
    fn a_digest_of_thousands_is_rendered_and_a_loop_without_end_is_not() {
        let mut message = Message::new(Kind::Digest, "many", "f00d");
        for number in 0..5_000 {
            let member = Message::new(Kind::Firing, format!("rule_{number}"), number.to_string());
            message.members.push(crate::notify::Member::from(&member));
        }
        let all =
            Template::new(String::from("{% for member in members %}{{ member.rule|upper }},{% endfor %}")).unwrap();
        assert_eq!(all.render(&message).unwrap().matches(',').count(), 5_000);
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
        let error = Template::new(String::from(text)).unwrap().render(&message).unwrap_err();
        assert!(error.contains("template of its body is wrong"), "{error}");
    }

    #[test]
    fn mistakes_are_told_when_they_are_seen() {
        assert!(Template::new(String::from("{{ title")).unwrap_err().contains("template of its body"));
        let template = Template::new(String::from("{{ titel.x }}")).unwrap();
        assert!(template.render(&Message::new(Kind::Firing, "", "")).unwrap_err().contains("undefined"));
    }
}
