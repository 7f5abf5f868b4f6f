//! Promise: a webhook is told once and for all or again later, as its answer says, and never holds anybody up.
#![cfg(feature = "webhook")]

#[path = "common/delivery.rs"]
mod delivery;

use std::{
    io::Write,
    net::TcpListener,
    time::{Duration, Instant},
};

use delivery::{Post, Receiver, dripping, hanging, keeps_its_deadline, message, reply};
use monitor_sinks::notify::{Channel, Class, Kind, Receipt, Refusal, Secret, Webhook, outbox::Note};

const SHORT: Duration = Duration::from_millis(500);

fn send(channel: &mut impl Channel) -> Result<Receipt, Refusal> {
    channel.send(&message(Kind::Firing, "f00d"), Instant::now() + SHORT)
}

#[test]
fn a_message_arrives_with_its_key_its_signature_and_its_headers() {
    let receiver = Receiver::answering("200 OK");
    let webhook = Webhook::new(receiver.url()).sign(Secret::new("shared")).header("X-Team", Secret::new("ops"));
    send(&mut webhook.build().unwrap()).map(drop).unwrap();
    let request = receiver.next();
    assert!(request.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("idempotency-key"), Some("f00d.1.firing.0.@test"));
    assert_eq!(request.header("x-team"), Some("ops"));
    assert!(request.header("x-monitored-signature").unwrap().starts_with("t="));
    assert_eq!(request.json()["title"], "CPU of f00d");
}

#[test]
fn a_template_makes_the_body() {
    let receiver = Receiver::answering("204 No Content");
    let webhook = Webhook::new(receiver.url()).template("{\"say\": {{ headline|tojson }}}").build();
    send(&mut webhook.unwrap()).map(drop).unwrap();
    assert_eq!(receiver.next().json()["say"], "[MEDIUM] firing: CPU of f00d");
}

#[test]
fn an_incident_of_pagerduty_is_triggered_and_resolved_even_if_it_is_over() {
    let receiver = Receiver::answering("202 Accepted");
    let webhook = Webhook::pagerduty(Secret::new("routing")).url(Secret::new(receiver.url()));
    let message = message(Kind::FiredAndResolved, "f00d");
    webhook.build().unwrap().send(&message, Instant::now() + SHORT).map(drop).unwrap();
    let actions = [receiver.next(), receiver.next()].map(|request| request.json()["event_action"].to_string());
    assert_eq!(actions, ["\"trigger\"", "\"resolve\""]);
}

/// Row 4 of the failure matrix.
#[test]
fn each_answer_has_its_class() {
    for (status, class) in [
        ("500 Internal Server Error", Class::Transient),
        ("503 Service Unavailable", Class::Transient),
        ("408 Request Timeout", Class::Transient),
        ("429 Too Many Requests", Class::Transient),
        ("400 Bad Request", Class::Message),
        ("413 Content Too Large", Class::Message),
        ("401 Unauthorized", Class::Channel),
        ("404 Not Found", Class::Channel),
    ] {
        let receiver = Receiver::answering(status);
        let refusal = send(&mut Webhook::new(receiver.url()).build().unwrap()).unwrap_err();
        assert_eq!(refusal.class, class, "{refusal}");
        assert!(refusal.reason.contains(&status[..3]), "{refusal}");
    }
}

#[test]
fn a_redirect_is_not_followed_however_long_it_goes_on() {
    let receiver = Receiver::start(|_, _, stream| reply(stream, "307 Temporary Redirect", "Location: /hook\r\n"));
    let refusal = send(&mut Webhook::new(receiver.url()).build().unwrap()).unwrap_err();
    assert_eq!(refusal.class, Class::Channel);
    receiver.next();
    assert!(receiver.try_next().is_none());
}

#[test]
fn a_huge_answer_is_not_read() {
    let huge = |status: &'static str| {
        Receiver::start(move |_, _, stream| {
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", 64 << 20);
            let part = vec![b'x'; 1 << 20];
            (0..64).take_while(|_| stream.write_all(&part).is_ok()).for_each(drop);
        })
    };
    let begin = Instant::now();
    let receiver = huge("200 OK");
    send(&mut Webhook::new(receiver.url()).build().unwrap()).map(drop).unwrap();
    let receiver = huge("500 Internal Server Error");
    let refusal = send(&mut Webhook::new(receiver.url()).build().unwrap()).unwrap_err();
    assert!(refusal.reason.len() < 600 && begin.elapsed() < 2 * SHORT, "{:?}", begin.elapsed());
}

/// Row 2 of the failure matrix, for HTTP.
#[test]
fn the_deadline_is_kept_whatever_the_receiver_does() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, least) in [
        (hanging(), SHORT),
        (dripping("HTTP/1.1 200 O"), SHORT),
        (dripping("HTTP/1.1 200 OK\r\nX-Slow: "), SHORT),
        (dripping("HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n"), SHORT),
        (nobody, Duration::ZERO),
    ] {
        let mut webhook = Webhook::new(format!("http://{address}/")).build().unwrap();
        keeps_its_deadline(&mut webhook, SHORT, least);
    }
}

#[test]
fn a_server_that_speaks_no_tls_or_is_not_trusted_is_for_somebody_to_mend() {
    let receiver = Receiver::answering("200 OK");
    let url = format!("https://{}/", receiver.address);
    let address = dripping("this is not TLS at all, not even close to it, and long enough to be seen");
    let refusal = send(&mut Webhook::new(format!("https://{address}/")).build().unwrap()).unwrap_err();
    assert_eq!(refusal.class, Class::Channel, "{refusal}");
    assert!(!refusal.reason.contains(&url));
}

#[test]
fn a_message_is_tried_again_after_what_the_receiver_asked_for_with_the_same_key() {
    let receiver = Receiver::start(|number, _, stream| match number {
        0 => reply(stream, "500 Internal Server Error", ""),
        1 => reply(stream, "429 Too Many Requests", "Retry-After: 2\r\n"),
        _ => reply(stream, "200 OK", ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let webhook = Webhook::new(receiver.url()).build().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("hook", Box::new(webhook))]);
    post.queue(&message(Kind::Firing, "f00d"), "hook");
    let notes = post.until_sent();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Failed { .. })).count(), 2, "{notes:?}");
    let requests = [receiver.next(), receiver.next(), receiver.next()];
    assert!(requests[2].at - requests[1].at >= Duration::from_millis(1_990));
    let keys = requests.each_ref().map(|request| request.header("idempotency-key").unwrap().to_owned());
    assert_eq!(keys, ["f00d.1.firing.0.hook@test"; 3].map(str::to_owned));
}
