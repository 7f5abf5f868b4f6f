//! Functions of the program that decide rules, each on a thread of its own.
//!
//! What a function does nobody knows: it may wait for a lock or for another machine, for ever. On the background thread
//! that would be the end of the recording. So its thread is asked by a channel; an answer that comes at once is judged at
//! once, a later one at a later flush, as of the instant that it was asked for. One that has not come in time is a failure
//! of the rule, and nothing more is asked until it has come. What came too late is thrown away: it is of the past.
//!
//! A thread cannot be ended from outside. One that is stuck is left alone, and holds nothing of the store. How many there
//! are is bounded: of one function no more than [`MOST_CALLS`] calls go on at a time, however often rules are replaced.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{
    super::{
        condition::Closure,
        evaluate::{Elements, decide},
        model::Rule,
        view::View,
    },
    clock::Now,
    joined::{Joined, Lent},
};

/// So many calls of one function go on at most. One is what there should be; there are more if it is stuck while rules are
/// replaced, or if several monitors have it.
const MOST_CALLS: usize = 4;

/// The function of a rule, from where it is asked.
#[derive(Debug)]
pub(super) struct Function {
    rule: String,
    closure: Closure,
    /// How long it may take.
    patience: Duration,
    thread: Option<Thread>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    /// It could not be asked.
    Refused(String),
    /// It was asked then.
    Asked(Now),
    /// It was asked, and nobody waits for the answer any more.
    Overdue,
}

#[derive(Debug)]
struct Thread {
    questions: Sender<Question>,
    answers: Receiver<Answer>,
}

struct Question {
    samples: Lent,
    at_ms: i64,
    deadline: Option<Instant>,
}

/// What came of a question.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) found: Result<Elements, String>,
    /// How long it read values: what it costs, as opposed to what it waits for.
    pub(super) took: Duration,
}

impl Function {
    pub(super) fn new(rule: &Rule, closure: &Closure) -> Self {
        let (rule, closure, patience) = (rule.name().to_owned(), closure.clone(), rule.patience());
        Self { rule, closure, patience, thread: None, state: State::Idle }
    }

    /// Whether an answer is waited for.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked(_))
    }

    /// Whether an answer that is waited for is there.
    pub(super) fn has_answered(&self) -> bool {
        self.is_asked() && self.thread.as_ref().is_some_and(|thread| !thread.answers.is_empty())
    }

    /// Asks it, unless it still thinks about what it was asked before.
    pub(super) fn ask(&mut self, samples: &Arc<Joined>, now: Now) {
        if self.is_asked() {
            return;
        }
        let is_back = self.thread.as_ref().is_none_or(|thread| thread.answers.try_recv().is_ok());
        if matches!(self.state, State::Overdue) && !is_back {
            return;
        }
        let question = Question {
            samples: Lent::new(Arc::downgrade(samples)),
            at_ms: now.at_ms,
            deadline: Instant::now().checked_add(self.patience),
        };
        self.state = match self.put(question) {
            Ok(()) => State::Asked(now),
            Err(message) => State::Refused(message),
        };
    }

    fn put(&mut self, question: Question) -> Result<(), String> {
        if self.closure.calls.load(Ordering::Relaxed) >= MOST_CALLS {
            return Err(format!(
                "{MOST_CALLS} calls of its function have not come back; it is called again when one has"
            ));
        }
        let thread = match self.thread.take() {
            Some(thread) => thread,
            None => Thread::start(&self.rule, &self.closure)
                .map_err(|error| format!("there is no thread for its function: {error}"))?,
        };
        let is_there = thread.questions.send(question).is_ok();
        self.thread = is_there.then_some(thread);
        if is_there { Ok(()) } else { Err(String::from("the thread of its function has ended")) }
    }

    /// What it says, and of which instant that is; waits for so long. `None` if it goes on thinking.
    pub(super) fn answer(&mut self, wait: Duration, now: Now) -> Option<(Now, Answer)> {
        let failed = |message: String| {
            let found = Err(format!("rule `{}`: {message}", self.rule));
            Some((now, Answer { found, took: Duration::ZERO }))
        };
        let overdue =
            || format!("its function has not answered within {:?}; it is asked again when it has", self.patience);
        match (&self.state, &self.thread) {
            (State::Idle, _) => None,
            (State::Refused(message), _) => failed(message.clone()),
            (State::Asked(_) | State::Overdue, None) => failed(String::from("its function has no thread")),
            (State::Overdue, Some(_)) => failed(overdue()),
            // What was asked at an earlier flush has been waited for.
            (&State::Asked(asked), Some(thread)) => {
                match thread.answers.recv_timeout(if asked == now { wait } else { Duration::ZERO }) {
                    Ok(answer) => {
                        self.state = State::Idle;
                        Some((asked, answer))
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        let waited = Duration::from_millis(now.steady_ms.saturating_sub(asked.steady_ms));
                        if waited < self.patience {
                            return None;
                        }
                        self.state = State::Overdue;
                        failed(overdue())
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        (self.state, self.thread) = (State::Idle, None);
                        failed(String::from("the thread of its function has ended"))
                    }
                }
            }
        }
    }
}

impl Thread {
    /// It ends when nobody can ask it any more.
    fn start(rule: &str, closure: &Closure) -> std::io::Result<Self> {
        let (questions, asked) = bounded::<Question>(1);
        let (answer, answers) = bounded(1);
        let (rule, closure) = (rule.to_owned(), closure.clone());
        thread::Builder::new().name(String::from("monitored-rule")).spawn(move || {
            for question in asked {
                if answer.send(question.put(&rule, &closure)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers })
    }
}

impl Question {
    fn put(self, rule: &str, closure: &Closure) -> Answer {
        closure.calls.fetch_add(1, Ordering::Relaxed);
        let view = View::until(&self.samples, self.at_ms, self.deadline);
        let found = decide(rule, closure, &view).map_err(|error| error.to_string());
        closure.calls.fetch_sub(1, Ordering::Relaxed);
        Answer { found, took: view.took() }
    }
}
