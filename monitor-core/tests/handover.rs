//! Promise: of collectors that follow each other, each goes on where the last one stopped.

use monitor_core::{Collector, Counter, Number, Value};

static ROWS: Counter = Counter::new("handed_over_rows");

fn fresh(collector: &mut Collector) -> Option<Number> {
    collector.collect();
    collector.samples().find(|sample| sample.key.name == "handed_over_rows").map(|sample| match sample.value {
        Value::Counter { fresh, .. } => fresh,
        other => panic!("{other:?}"),
    })
}

#[test]
fn collectors_in_a_row_neither_lose_nor_repeat() {
    ROWS.add(1);
    let mut first = Collector::new();
    assert_eq!(fresh(&mut first), Some(Number::Int(1)), "what came before the first collector is its own");
    ROWS.add(2);
    assert_eq!(fresh(&mut first), Some(Number::Int(3)), "what was not delivered is offered again");
    first.delivered();
    assert_eq!(fresh(&mut first), Some(Number::Int(0)));

    let mut beside = Collector::new();
    ROWS.add(4);
    assert_eq!(fresh(&mut beside), Some(Number::Int(4)), "a second one starts with its own time");
    assert_eq!(fresh(&mut first), Some(Number::Int(4)));
    first.delivered();
    drop(first);
    drop(beside);

    ROWS.add(8);
    let mut next = Collector::new();
    assert_eq!(fresh(&mut next), Some(Number::Int(8)), "what came between them belongs to the next");

    drop(next);
    ROWS.add(16);
    let mut last = Collector::new();
    assert_eq!(fresh(&mut last), Some(Number::Int(24)), "what one could not deliver is the next one's");
}
