//! A body of the user's own.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, value::Serde};

use super::preset::message_json;
use crate::notify::{
    Message,
    plain::{body, headline},
};

const NAME: &str = "body";

/// A checked template. Names that a message does not have are mistakes.
#[derive(Debug)]
pub(super) struct Template(Environment<'static>);

impl Template {
    pub(super) fn new(source: String) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
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
    fn mistakes_are_told_when_they_are_seen() {
        assert!(Template::new(String::from("{{ title")).unwrap_err().contains("template of its body"));
        let template = Template::new(String::from("{{ titel.x }}")).unwrap();
        assert!(template.render(&Message::new(Kind::Firing, "", "")).unwrap_err().contains("undefined"));
    }
}
