use monitored::monitored;

struct Answer;

impl Answer {
    fn label(&self) -> &'static str {
        "answer"
    }
}

#[monitored(error = Answer::label)]
fn work() -> Answer {
    Answer
}

fn main() {
    work().label();
}
