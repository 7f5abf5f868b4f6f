//! Stores that cannot be written to, for other reasons than a lock.

use super::*;

/// Keeps the store from being written to, and lets it again.
type Fault = fn(&mut Writer, bool);

fn full(writer: &mut Writer, is_on: bool) {
    let connection = writer.connection().unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection
        .query_row(&format!("PRAGMA max_page_count = {}", if is_on { pages } else { 1 << 30 }), [], |_| Ok(()))
        .unwrap();
}

fn read_only(writer: &mut Writer, is_on: bool) {
    writer.connection().unwrap().pragma_update(None, "query_only", is_on).unwrap();
}

/// Row 8 of the failure matrix.
#[test]
fn while_the_store_takes_nothing_alerts_go_on_are_told_without_it_and_are_stored_once_it_does() {
    for (name, fault) in [("full", full as Fault), ("read-only", read_only)] {
        let mut rig = Rig::new([queue(), Rule::new("jobs").when("job").above(10.0).channels(["nobody"])]);
        rig.hold("queue", 5.0, 2);
        let set = |rig: &mut Rig, is_on| fault(&mut rig.running.as_mut().unwrap().0, is_on);
        set(&mut rig, true);
        let mut direct: Vec<(u64, String)> = Vec::new();
        let mut failed = 0;
        let mut second = |rig: &mut Rig, value: f64| {
            rig.registry.gauge("queue", &[], value);
            // So many series that there is no room in the pages that are there.
            let job = rig.steady_ms.to_string();
            rig.registry.gauge("job", &[("job", &job), ("text", &"x".repeat(2_000))], value);
            let now = rig.steady_ms + 1_000;
            if !rig.tick() {
                failed += 1;
                rig.engine().failed(now, 30_000, &Error::setting("no room"));
            }
            let mut arrived = Vec::new();
            rig.engine().overdue(now, 30_000, |message| {
                direct.push((now, message.idempotency_key()));
                arrived.push(message.key());
                true
            });
            for key in arrived {
                rig.engine().returned("ops", &key, true, now);
            }
        };
        (0..20).for_each(|_| second(&mut rig, 20.0));
        (0..20).for_each(|_| second(&mut rig, 5.0));
        (0..35).for_each(|_| second(&mut rig, 20.0));
        set(&mut rig, false);
        assert!(rig.tick(), "{name}: it is not stored");
        assert!(failed > 60, "{name}: {failed} of 75 flushes failed");
        let told: Vec<String> = rig.told().into_iter().filter(|told| told.ends_with(" queue")).collect();
        assert_eq!(told, ["firing queue", "resolved queue", "flapping queue"], "{name}");
        let print = rig.alert("queue").fingerprint;
        let key = |incident: u64, kind: &str| format!("{print}.{incident}.{kind}.ops@test");
        // After half a minute it is told as well that nothing is stored, and afterwards that it is again.
        let place = direct.iter().position(|(_, key)| key.contains(".meta.")).unwrap();
        let (at_ms, _) = direct.remove(place);
        assert!((32_000..40_000).contains(&at_ms), "{name}: it was told at {at_ms} ms");
        let direct: Vec<String> = direct.into_iter().map(|(_, key)| key).collect();
        assert_eq!(direct, [key(1, "firing.0"), key(1, "resolved.0"), key(2, "flapping.1")], "{name}");
        rig.hold("queue", 20.0, 2);
        let told: Vec<String> = rig.told().into_iter().filter(|told| told.ends_with(" store")).collect();
        assert_eq!(told, ["meta store", "meta store"], "{name}");
        assert_eq!(rig.kinds().iter().filter(|kind| kind.starts_with("store_")).count(), 2, "{name}");
        let events = rig.store().alert_events(1_000).unwrap();
        assert_eq!(events.iter().filter(|event| event.rule.as_deref() == Some("queue")).count(), 3, "{name}");
        assert!(rig.store().check().unwrap().is_empty(), "{name}");
    }
}
