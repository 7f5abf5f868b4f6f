//! Silences and acknowledgements at all moments of an alert: rows 17 of the failure matrix.

use super::*;

/// Plays a script, a letter a second, and says what was told, as `KIND INCIDENT`.
///
/// `H` and `L`: the value is high, or low. Before the second: `s` and `u` silence it and end that, `t` silences it for three
/// seconds, `a` acknowledges it for three, `r` kills the program and starts it again.
fn play(script: &str) -> Vec<String> {
    let mut rig = Rig::new([queue().repeat(Duration::from_secs(4))]);
    rig.hold("queue", 5.0, 1);
    let mut silences = Vec::new();
    for letter in script.chars() {
        let until =
            |rig: &Rig| Some(SystemTime::UNIX_EPOCH + Duration::from_millis((rig.wall_ms + 3_500).unsigned_abs()));
        let forever =
            Some(SystemTime::UNIX_EPOCH + Duration::from_millis(START.unsigned_abs()) + Duration::from_hours(9));
        match letter {
            'H' => rig.hold("queue", 20.0, 1),
            'L' => rig.hold("queue", 5.0, 1),
            's' => silences.push(rig.store().silence("queue", forever, "me", "").unwrap()),
            't' => drop(rig.store().silence("queue", until(&rig), "me", "")),
            'u' => silences.drain(..).for_each(|id| rig.store().unsilence(id).unwrap()),
            'a' => rig.store().ack(rig.alert("queue").fingerprint, "me", "", until(&rig)).unwrap(),
            'r' => rig.restart(1),
            ' ' => {}
            _ => panic!("{letter}"),
        }
    }
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let mut statement = connection.prepare("SELECT payload FROM outbox ORDER BY id").unwrap();
    let payloads = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let messages = payloads.map(|payload| serde_json::from_str::<Message>(&payload.unwrap()).unwrap());
    messages.map(|message| format!("{} {}", message.kind, message.incident)).collect()
}

#[test]
fn what_is_told_around_silences_and_acknowledgements() {
    for (script, told) in [
        // A silence over all of it; over the beginning; over the end; that begins and ends while it fires.
        ("s H H L u L", ""),
        ("s H H u H L", "firing 1, resolved 1"),
        ("H H s H L u L", "firing 1, resolved 1"),
        ("H s H u H L", "firing 1, resolved 1"),
        // Over the beginning and the end, and over the next incident, or between two.
        ("s H L H L u L", ""),
        ("s H L u H L", "firing 2, resolved 2"),
        ("s H L H u H L", "firing 2, resolved 2"),
        ("H s L H u H L", "firing 1, resolved 1, flapping 2"),
        ("H L s H L u L", "firing 1, resolved 1"),
        ("H s L H L u L", "firing 1, resolved 1"),
        // One that runs out while it fires, and one that runs out when it is over.
        ("t H H H H L", "firing 1, resolved 1"),
        ("t H L L L L L", ""),
        // No repetition under a silence; the next one after it.
        ("H s HHHHHH u HHHH L", "firing 1, repeat 1, resolved 1"),
        // An acknowledgement holds repetitions back, ends by itself, and goes with its incident.
        ("H HHHH", "firing 1, repeat 1"),
        ("H a H H H H", "firing 1, acknowledged 1, repeat 1"),
        ("H a H H", "firing 1, acknowledged 1"),
        ("H a H L", "firing 1, acknowledged 1, resolved 1"),
        ("H a L H HHHH L", "firing 1, acknowledged 1, resolved 1, flapping 2, flapping 2"),
        // All of it survives the end of the program.
        ("s H r H L u L", ""),
        ("s H r H u H r L", "firing 1, resolved 1"),
        ("H r s r L u r L", "firing 1, resolved 1"),
        ("H a r H L", "firing 1, acknowledged 1, resolved 1"),
        ("H a r H r H L", "firing 1, acknowledged 1, repeat 1, resolved 1"),
    ] {
        assert_eq!(play(script).join(", "), told, "{script}");
    }
}

#[test]
fn whatever_the_script_nobody_hears_of_an_end_without_a_beginning_or_twice_of_one() {
    let mut random = crate::random::Random(17);
    for _ in 0..10 {
        let mut script: String = (0..40).map(|_| ['H', 'H', 'L', 'L', 's', 'u', 't', 'r'][random.below(8)]).collect();
        script.push_str("uLLLLL");
        let mut open = None;
        for told in play(&script) {
            let (kind, incident) = told.split_once(' ').unwrap();
            let incident: u64 = incident.parse().unwrap();
            match kind {
                "firing" => assert!(open.replace(incident).is_none(), "{script}: {told}"),
                "resolved" => assert_eq!(open.take(), Some(incident), "{script}: {told}"),
                "repeat" => assert_eq!(open, Some(incident), "{script}: {told}"),
                _ => assert_eq!(kind, "flapping", "{script}"),
            }
        }
        // One that flaps is told of when it is calm.
        assert!(open.is_none() || script.matches("HL").count() > 2, "{script}: nobody knows of the end");
    }
}
