//! The outbox as its callers see it: what is sent when, whatever fails.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::Connection;

use super::*;
use crate::{
    notify::{Receipt, Refusal, Severity},
    random::Random,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const START: i64 = 1_700_000_000_000;

/// An outbox with the channels `mail` and `chat`, and a clock of its own.
struct Rig {
    connection: Connection,
    now_ms: i64,
    jitter: Jitter,
    digest: bool,
    room: usize,
    notes: Vec<Note>,
}

impl Rig {
    fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        create(&connection).unwrap();
        create(&connection).unwrap();
        Self { connection, now_ms: START, jitter: Jitter::new(7), digest: true, room: 8, notes: Vec::new() }
    }

    fn queue(&self, kind: Kind, fingerprint: &str, incident: u64) -> bool {
        let mut message = Message::new(kind, format!("rule_{fingerprint}"), fingerprint);
        (message.incident, message.at_ms, message.started_ms) = (incident, self.now_ms, self.now_ms);
        insert(&self.connection, &message, "mail", self.now_ms, 0).unwrap()
    }

    /// Queues a message of a group that waits for 5 seconds, and for a minute after it was told.
    fn queue_in(&self, group: &str, kind: Kind, fingerprint: &str, incident: u64) -> bool {
        let mut message = Message::new(kind, format!("rule_{fingerprint}"), fingerprint);
        (message.incident, message.at_ms, message.started_ms) = (incident, self.now_ms, self.now_ms);
        message.channel = String::from("mail");
        group.clone_into(&mut message.group);
        let company = Company { wait_ms: 5 * SECOND, interval_ms: MINUTE };
        insert_together(&self.connection, &message, company, self.now_ms).unwrap()
    }

    /// The seconds at which something was taken, with how many messages it told.
    fn arrivals(&mut self, seconds: i64) -> Vec<(i64, usize)> {
        let count = |(second, message): (i64, Message)| (second, message.members.len().max(1));
        (1..=seconds).flat_map(|at| self.tick(taken).into_iter().map(move |message| (at, message))).map(count).collect()
    }

    fn due_for(&self, channel: &str, owner: &str) -> Vec<Message> {
        let lane = Lane { channel, digest: self.digest, room: self.room };
        due(&self.connection, lane, owner, self.now_ms).unwrap()
    }

    fn due(&self) -> Vec<Message> {
        self.due_for("mail", "me")
    }

    fn apply(&mut self, message: &Message, result: Result<Receipt, Refusal>) {
        let outcome = Outcome { key: message.key(), channel: message.channel.clone(), result };
        let channels = ["mail", "chat"];
        self.notes.extend(apply(&self.connection, &outcome, &channels, self.now_ms, &mut self.jitter).unwrap());
    }

    /// One second in which the channel answers as `answer` says; what it took.
    fn tick(&mut self, mut answer: impl FnMut(&Message) -> Result<Receipt, Refusal>) -> Vec<Message> {
        self.now_ms += SECOND;
        self.notes.extend(expire(&self.connection, self.now_ms).unwrap());
        let mut took = Vec::new();
        for message in self.due() {
            let result = answer(&message);
            if result.is_ok() {
                took.push(message.clone());
            }
            self.apply(&message, result);
        }
        took
    }

    fn states(&self) -> BTreeMap<String, u64> {
        let counts = counts(&self.connection).unwrap();
        counts.into_iter().filter(|(channel, ..)| channel == "mail").map(|(_, state, count)| (state, count)).collect()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "what a channel answers")]
fn taken(_: &Message) -> Result<Receipt, Refusal> {
    Ok(Receipt::new("250 ok"))
}

fn down(_: &Message) -> Result<Receipt, Refusal> {
    Err(Refusal::transient("connection refused"))
}

fn keys(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::key).collect()
}

#[test]
fn a_key_is_queued_once_for_a_channel_however_often_it_is_offered() {
    let mut rig = Rig::new();
    assert!(rig.queue(Kind::Firing, "a", 1));
    assert!(!rig.queue(Kind::Firing, "a", 1));
    assert_eq!(keys(&rig.tick(taken)), ["a.1.firing.0"]);
    assert!(!rig.queue(Kind::Firing, "a", 1));
    assert!(rig.tick(taken).is_empty());
}

#[test]
fn the_end_of_an_alert_never_overtakes_its_beginning() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    let firing = rig.due();
    rig.queue(Kind::Resolved, "a", 1);
    rig.queue(Kind::Firing, "b", 1);
    // The beginning is on its way, so the end waits; another alert does not.
    assert_eq!(keys(&rig.due()), ["b.1.firing.0"]);
    rig.apply(&firing[0], taken(&firing[0]));
    assert_eq!(keys(&rig.due()), ["a.1.resolved.0"]);
}

#[test]
fn two_owners_on_one_file_send_each_row_once_until_a_lease_lapses() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    assert_eq!(rig.due_for("mail", "one").len(), 1);
    assert!(rig.due_for("mail", "two").is_empty());
    rig.now_ms += 50 * SECOND;
    renew(&rig.connection, "one", rig.now_ms).unwrap();
    rig.now_ms += 50 * SECOND;
    assert!(rig.due_for("mail", "two").is_empty());
    rig.now_ms += 11 * SECOND;
    assert_eq!(rig.due_for("mail", "two").len(), 1);
    release(&rig.connection, Some("two")).unwrap();
    assert_eq!(rig.due_for("mail", "one").len(), 1);
    release(&rig.connection, None).unwrap();
    assert_eq!(rig.due_for("mail", "two").len(), 1);
}

/// Row 1 of the failure matrix, on a clock that is passed in.
#[test]
fn after_ten_minutes_without_a_server_each_incident_arrives_in_order_within_a_minute() {
    let mut rig = Rig::new();
    let mut attempts = Vec::new();
    for second in 0..600 {
        // Ten alerts fire, five of them end, one comes and goes again and again.
        if second < 10 {
            rig.queue(Kind::Firing, &format!("alert{second}"), 1);
        } else if second < 15 {
            rig.queue(Kind::Resolved, &format!("alert{}", second - 10), 1);
        }
        if second % 60 == 0 {
            rig.queue(Kind::Firing, "noisy", second / 60 + 1);
        } else if second % 60 == 30 {
            rig.queue(Kind::Resolved, "noisy", second / 60 + 1);
        }
        let mut tried = 0;
        rig.tick(|message| {
            tried += 1;
            down(message)
        });
        assert!(tried <= if second == 0 { 2 } else { 1 }, "one probe at a time");
        if tried > 0 {
            attempts.push(second);
        }
    }
    assert!((20..120).contains(&attempts.len()), "{} attempts", attempts.len());
    let mut arrived = Vec::new();
    for _ in 0..60 {
        arrived.extend(rig.tick(taken));
    }
    let told: Vec<String> = arrived
        .iter()
        .flat_map(|message| match message.kind {
            Kind::Digest => message.members.iter().map(|member| member.key.clone()).collect(),
            _ => vec![message.key()],
        })
        .collect();
    let of = |fingerprint: &str| -> Vec<&String> {
        told.iter().filter(|key| key.split('.').next() == Some(fingerprint)).collect()
    };
    for number in 0..10 {
        let kind = if number < 5 { "fired_and_resolved" } else { "firing" };
        assert_eq!(of(&format!("alert{number}")), [&format!("alert{number}.1.{kind}.0")]);
    }
    let noisy: Vec<String> = (1..=10).map(|incident| format!("noisy.{incident}.fired_and_resolved.0")).collect();
    assert_eq!(of("noisy"), noisy.iter().collect::<Vec<_>>());
    assert!(!rig.states().contains_key("pending"), "{:?}", rig.states());
}

#[test]
fn a_message_that_never_works_does_not_keep_out_the_others() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "poison", 1);
    let answer = |message: &Message| if message.fingerprint == "poison" { down(message) } else { taken(message) };
    rig.tick(answer);
    let mut arrived = 0;
    for second in 0..120 {
        if second % 10 == 0 {
            rig.queue(Kind::Firing, &format!("alert{second}"), 1);
        }
        arrived += rig.tick(answer).len();
    }
    assert_eq!(arrived, 12);
}

#[test]
fn what_is_not_delivered_for_a_day_is_given_up_and_said() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.tick(down);
    rig.now_ms = START + 86_400_000 - SECOND - 1;
    rig.tick(down);
    assert!(!rig.notes.iter().any(|note| matches!(note, Note::Expired { .. })));
    rig.now_ms += SECOND;
    rig.tick(down);
    let expired = Note::Expired { channel: String::from("mail"), key: String::from("a.1.firing.0") };
    assert!(rig.notes.contains(&expired), "{:?}", rig.notes);
    assert_eq!(rig.states(), BTreeMap::from([(String::from("expired"), 1)]));
}

#[test]
fn a_message_that_is_refused_for_good_is_parked_and_the_other_channels_say_so() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.queue(Kind::Resolved, "b", 1);
    rig.tick(|message| match message.fingerprint.as_str() {
        "a" => Err(Refusal::of_message("550 no such user")),
        _ => taken(message),
    });
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Parked { reason, .. } if reason == "550 no such user")));
    assert_eq!(rig.states()["parked"], 1);
    assert_eq!(rig.states()["sent"], 1);
    let told = rig.due_for("chat", "me");
    assert_eq!((told.len(), told[0].kind), (1, Kind::Meta));
    assert!(told[0].title.contains("550 no such user"), "{}", told[0].title);
    // News of refused news would never end.
    rig.apply(&told[0], Err(Refusal::of_message("no")));
    assert!(rig.due().is_empty());
}

#[test]
fn a_wrong_password_is_told_at_once_tried_each_quarter_of_an_hour_and_costs_no_message() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.queue(Kind::Firing, "b", 1);
    let mut tried = 0;
    for _ in 0..31 * 60 {
        rig.tick(|_| {
            tried += 1;
            Err(Refusal::of_channel("535 authentication failed"))
        });
    }
    assert!((3..=4).contains(&tried), "{tried}");
    let told = rig.due_for("chat", "me");
    assert!(told.len() == 1 && told[0].title.contains("535 authentication failed"), "{told:?}");
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Failing { .. })));
    rig.apply(&told[0], taken(&told[0]));
    let arrived: Vec<Message> = (0..16 * 60).flat_map(|_| rig.tick(taken)).collect();
    assert_eq!(arrived.len(), 2);
    let again = rig.due_for("chat", "me");
    assert!(again.len() == 1 && again[0].title.contains("delivers again"), "{again:?}");
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Recovered { .. })));
}

#[test]
fn a_channel_that_fails_for_a_few_minutes_is_not_news_and_one_that_fails_for_more_is() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    (0..290).for_each(|_| drop(rig.tick(down)));
    assert!(rig.due_for("chat", "me").is_empty());
    (0..60).for_each(|_| drop(rig.tick(down)));
    let told = rig.due_for("chat", "me");
    assert!(told.len() == 1 && told[0].title.contains("connection refused"), "{told:?}");
}

#[test]
fn a_server_that_wants_to_be_left_alone_is_for_an_hour_at_most() {
    for (wish, wait) in [(Duration::from_secs(90), 90 * SECOND), (Duration::MAX, 60 * MINUTE)] {
        let mut rig = Rig::new();
        rig.queue(Kind::Firing, "a", 1);
        let before = rig.now_ms + SECOND;
        rig.tick(|_| Err(Refusal::transient("429").retry_after(wish)));
        assert_eq!(next_due(&rig.connection, rig.now_ms).unwrap(), Some(before + wait));
        rig.now_ms = before + wait - SECOND - 1;
        assert!(rig.tick(taken).is_empty());
        assert_eq!(rig.tick(taken).len(), 1);
    }
}

/// Row 14 of the failure matrix.
#[test]
fn a_thousand_alerts_in_one_tick_are_at_most_three_messages_with_all_names() {
    let mut rig = Rig::new();
    (0..1_000).for_each(|number| assert!(rig.queue(Kind::Firing, &format!("{number}"), 1)));
    let messages: Vec<Message> = (0..120).flat_map(|_| rig.tick(taken)).collect();
    assert!((1..=3).contains(&messages.len()), "{} messages", messages.len());
    let text: String = messages.iter().map(|message| message.text.as_str()).collect();
    let names: std::collections::BTreeSet<&str> = text.split([' ', ',', '\n']).collect();
    assert!((0..1_000).all(|number| names.contains(format!("rule_{number}").as_str())), "{text}");
    // Their ends are as few.
    (0..1_000).for_each(|number| assert!(rig.queue(Kind::Resolved, &format!("{number}"), 1)));
    let messages: Vec<Message> = (0..120).flat_map(|_| rig.tick(taken)).collect();
    assert!((1..=3).contains(&messages.len()), "{} messages", messages.len());
}

#[test]
fn the_end_of_an_alert_waits_for_the_digest_that_tells_its_beginning() {
    let mut rig = Rig::new();
    (0..10).for_each(|number| assert!(rig.queue(Kind::Firing, &format!("{number}"), 1)));
    let digest = rig.due();
    assert_eq!((digest.len(), digest[0].kind), (1, Kind::Digest));
    rig.queue(Kind::Resolved, "3", 1);
    assert!(rig.due().is_empty());
    rig.apply(&digest[0], taken(&digest[0]));
    assert_eq!(keys(&rig.due()), ["3.1.resolved.0"]);
}

#[test]
fn a_steady_stream_stays_below_twenty_messages_a_minute() {
    let mut rig = Rig::new();
    let mut sent = Vec::new();
    for second in 0..600 {
        rig.queue(Kind::Firing, &format!("{second}"), 1);
        sent.extend(rig.tick(taken).into_iter().map(|message| (second, message)));
    }
    for minute in 0..9 {
        let within = sent.iter().filter(|(second, _)| (minute * 60..minute * 60 + 60).contains(second)).count();
        assert!((2..=20).contains(&within), "minute {minute}: {within}");
    }
    let told: usize = sent.iter().map(|(_, message)| message.members.len().max(1)).sum();
    assert!(told > 530, "{told}");
}

#[test]
fn programs_get_each_message_by_itself() {
    let mut rig = Rig::new();
    rig.digest = false;
    (0..100).for_each(|number| assert!(rig.queue(Kind::Firing, &format!("{number}"), 1)));
    let messages: Vec<Message> = (0..13).flat_map(|_| rig.tick(taken)).collect();
    assert_eq!(messages.len(), 100);
}

/// Row 13 of the failure matrix: what the rules make of a flapping alert comes through as it is.
#[test]
fn an_alert_that_comes_and_goes_in_one_second_is_one_message() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.queue(Kind::Resolved, "a", 1);
    rig.queue(Kind::Flapping, "a", 1);
    let messages: Vec<Message> = (0..5).flat_map(|_| rig.tick(taken)).collect();
    let kinds: Vec<Kind> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [Kind::FiredAndResolved, Kind::Flapping]);
}

#[test]
fn a_recipient_who_is_refused_does_not_cost_the_others_the_message() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.tick(|_| {
        let receipt = Receipt::new("250 ok").except("gone@x", Refusal::of_message("550 no such user"));
        Ok(receipt.except("grey@x", Refusal::transient("451 later")))
    });
    assert_eq!(
        rig.states(),
        BTreeMap::from([("parked", 1), ("pending", 1), ("sent", 1)].map(|(s, n)| (s.to_owned(), n)))
    );
    let again: Vec<Message> = (0..5).flat_map(|_| rig.tick(taken)).collect();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].recipients, ["grey@x"]);
    assert_eq!(again[0].key(), "a.1.firing.0/grey@x");
}

#[test]
fn nobody_hears_of_a_beginning_after_the_end() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    let grey = Refusal::transient("451 later").retry_after(Duration::from_mins(10));
    rig.tick(|_| Ok(Receipt::new("250 ok").except("grey@x", grey.clone())));
    rig.queue(Kind::Resolved, "a", 1);
    assert_eq!(keys(&rig.tick(taken)), ["a.1.resolved.0"]);
    assert!((0..700).flat_map(|_| rig.tick(taken)).next().is_none());
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_wait() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.tick(down);
    rig.queue(Kind::Firing, "b", 1);
    assert_eq!(rig.due_for("mail", "killed").len(), 0);
    rig.now_ms -= 2 * 60 * MINUTE;
    assert_eq!(rig.tick(taken).len(), 1);
    assert_eq!((0..60).flat_map(|_| rig.tick(taken)).count(), 1);
}

#[test]
fn what_waits_for_company_is_not_sent_before_its_time() {
    let rig = Rig::new();
    insert(&rig.connection, &Message::new(Kind::Firing, "r", "a"), "mail", rig.now_ms, 5 * SECOND).unwrap();
    assert!(rig.due().is_empty());
    assert_eq!(next_due(&rig.connection, rig.now_ms).unwrap(), Some(START + 5 * SECOND));
}

#[test]
fn alerts_of_a_group_that_come_soon_after_each_other_are_one_message_and_later_ones_another() {
    let mut rig = Rig::new();
    rig.queue_in("g", Kind::Firing, "a", 1);
    assert_eq!(next_due(&rig.connection, rig.now_ms).unwrap(), Some(START + 5 * SECOND));
    assert_eq!(rig.arrivals(3), []);
    rig.queue_in("g", Kind::Firing, "b", 1);
    rig.queue_in("g", Kind::Resolved, "other", 3);
    // Another group, and what is in none, do not wait for it.
    rig.queue_in("h", Kind::Firing, "c", 1);
    rig.queue(Kind::Firing, "d", 1);
    assert_eq!(rig.arrivals(10), [(1, 1), (2, 3), (5, 1)]);
    // Of the rest all is told when a minute has passed, the changes of an alert in their order.
    rig.queue_in("g", Kind::Resolved, "a", 1);
    rig.queue_in("g", Kind::Firing, "a", 2);
    rig.queue_in("g", Kind::Resolved, "b", 1);
    assert_eq!(rig.arrivals(51), []);
    let digest = &rig.tick(taken)[0];
    let told: Vec<&str> = digest.members.iter().map(|member| member.key.as_str()).collect();
    assert_eq!(told, ["a.1.resolved.0", "a.2.firing.0", "b.1.resolved.0"]);
    assert_eq!(digest.title, "3 alerts of g: 1 firing, 2 resolved");
    // A group that has been quiet waits for company again; what has none is told as it is.
    assert_eq!(rig.arrivals(100), []);
    rig.queue_in("g", Kind::Resolved, "a", 2);
    assert_eq!(rig.arrivals(4), []);
    assert_eq!(keys(&rig.tick(taken)), ["a.2.resolved.0"]);
}

#[test]
fn an_alert_of_a_group_that_is_over_before_its_turn_is_one_message_at_its_turn() {
    let mut rig = Rig::new();
    rig.queue_in("g", Kind::Firing, "a", 1);
    assert_eq!(rig.arrivals(2), []);
    rig.queue_in("g", Kind::Resolved, "a", 1);
    assert_eq!(rig.arrivals(2), []);
    assert_eq!(keys(&rig.tick(taken)), ["a.1.fired_and_resolved.0"]);
    assert_eq!(rig.arrivals(100), []);
}

#[test]
fn a_group_waits_for_what_is_on_its_way_and_an_outage_adds_little() {
    let mut rig = Rig::new();
    assert!(["a", "b"].iter().all(|alert| rig.queue_in("g", Kind::Firing, alert, 1)));
    (0..600).for_each(|_| drop(rig.tick(down)));
    rig.queue_in("g", Kind::Firing, "c", 1);
    let arrivals = rig.arrivals(100);
    assert_eq!(arrivals.iter().map(|(_, count)| count).sum::<usize>(), 3, "{arrivals:?}");
    assert!(arrivals.iter().all(|(second, _)| *second <= 65), "{arrivals:?}");
    // It is known of none whether it has arrived: it is sent again by its own name, and the others wait.
    let mut rig = Rig::new();
    assert!(["a", "b"].iter().all(|alert| rig.queue_in("g", Kind::Firing, alert, 1)));
    rig.now_ms += 5 * SECOND;
    let digest = rig.due();
    rig.queue_in("g", Kind::Firing, "c", 1);
    rig.now_ms += 20 * SECOND;
    assert!(rig.due().is_empty());
    release(&rig.connection, None).unwrap();
    assert_eq!(keys(&rig.due()), keys(&digest));
    rig.apply(&digest[0], taken(&digest[0]));
    assert_eq!(rig.arrivals(100), [(40, 1)], "a minute after it was queued at most");
}

#[test]
fn a_storm_of_groups_is_a_storm() {
    let mut rig = Rig::new();
    for number in 0..1_000 {
        rig.queue_in(&format!("group {}", number / 2), Kind::Firing, &format!("{number}"), 1);
    }
    let messages: Vec<Message> = (0..120).flat_map(|_| rig.tick(taken)).collect();
    assert!((1..=3).contains(&messages.len()), "{} messages", messages.len());
    assert_eq!(messages.iter().map(|message| message.members.len()).sum::<usize>(), 1_000);
}

#[test]
fn rows_that_are_done_are_removed_after_a_week_and_others_are_not() {
    let mut rig = Rig::new();
    rig.queue(Kind::Firing, "a", 1);
    rig.tick(taken);
    rig.now_ms += 8 * 86_400_000;
    rig.queue(Kind::Firing, "b", 1);
    prune(&rig.connection, rig.now_ms).unwrap();
    assert_eq!(rig.states(), BTreeMap::from([(String::from("pending"), 1)]));
}

/// At least once and in order, whatever fails when: failures of all classes, transactions that are rolled back, programs
/// that are killed between sending and marking, and clocks that step.
#[test]
fn whatever_fails_no_message_is_lost_and_none_is_out_of_order() {
    for seed in 1..=8 {
        let mut random = Random(seed * 7_919);
        let mut rig = Rig::new();
        rig.digest = seed % 2 == 0;
        let mut arrived: Vec<String> = Vec::new();
        let mut state = [0_u64; 5];
        for _ in 0..600 {
            let alert = random.below(5);
            if random.below(4) == 0 {
                state[alert] += 1;
                let (kind, incident) = if state[alert] % 2 == 1 {
                    (Kind::Firing, state[alert].div_ceil(2))
                } else {
                    (Kind::Resolved, state[alert] / 2)
                };
                if alert < 3 {
                    rig.queue_in(["g", "h"][alert % 2], kind, &format!("{alert}"), incident);
                } else {
                    rig.queue(kind, &format!("{alert}"), incident);
                }
            }
            rig.now_ms += SECOND * [0, 1, 2, 3, 4][random.below(5)];
            rig.connection.execute_batch("BEGIN").unwrap();
            let due = rig.due();
            if random.below(5) == 0 {
                rig.connection.execute_batch("ROLLBACK").unwrap();
                continue;
            }
            rig.connection.execute_batch("COMMIT").unwrap();
            for message in due {
                let works = random.below(3) > 0;
                if works {
                    arrived.extend(told(&message));
                }
                // Killed before it was marked: the lease lapses, and it is sent again.
                if random.below(6) == 0 {
                    release(&rig.connection, None).unwrap();
                    continue;
                }
                rig.apply(&message, if works { taken(&message) } else { down(&message) });
            }
        }
        for _ in 0..400 {
            arrived.extend(rig.tick(taken).iter().flat_map(told));
        }
        for (alert, changes) in state.iter().enumerate() {
            check(&arrived, alert, *changes);
        }
        assert!(!rig.states().contains_key("pending"), "{:?}", rig.states());
    }
}

fn told(message: &Message) -> Vec<String> {
    let members: Vec<String> = message.members.iter().map(|member| member.key.clone()).collect();
    if members.is_empty() { vec![message.key()] } else { members }
}

/// Each change of the alert was told, in its order but for repetitions of what was told already.
fn check(arrived: &[String], alert: usize, changes: u64) {
    let mut last = 0;
    for key in arrived {
        let parts: Vec<&str> = key.split('.').collect();
        if parts[0] != alert.to_string() {
            continue;
        }
        let incident: u64 = parts[1].parse().unwrap();
        let (from, to) = match parts[2] {
            "firing" => (incident * 2 - 1, incident * 2 - 1),
            "resolved" => (incident * 2, incident * 2),
            _ => (incident * 2 - 1, incident * 2),
        };
        assert!(from <= last + 1, "{key} came after change {last}: {arrived:?}");
        last = last.max(to);
    }
    assert_eq!(last, changes, "alert {alert}: {arrived:?}");
}

#[test]
fn a_digest_is_as_bad_as_its_worst_alert() {
    let rig = Rig::new();
    for (number, severity) in
        [Severity::Low, Severity::Critical, Severity::Low, Severity::Medium].into_iter().enumerate()
    {
        let mut message = Message::new(Kind::Firing, "r", number.to_string());
        message.severity = severity;
        insert(&rig.connection, &message, "mail", rig.now_ms, 0).unwrap();
    }
    assert_eq!(rig.due()[0].severity, Severity::Critical);
}
