//! Free functions, with and without arguments of the attribute.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::must_use_candidate)]

use monitored::monitored;

#[monitored]
fn nothing() {}

#[monitored()]
fn unit() {}

#[monitored]
pub fn number(a: u32, b: u32) -> u32 {
    if a > b {
        return a;
    }
    a + b
}

#[monitored(name = "etl::parse", service = "etl", tags(region = "eu", shard = 7, hot = true, offset = -1, type = "x"))]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    let number: u32 = text.trim().parse()?;
    Ok(number)
}

#[monitored(tags())]
fn first(items: &[u8]) -> Option<&u8> {
    items.first()
}

#[monitored]
fn tuple<'a>(a: &'a str, _b: &str) -> (&'a str, usize) {
    (a, a.len())
}

#[monitored]
fn keyword(r#type: u8) -> u8 {
    r#type
}

#[monitored]
fn r#match() -> u8 {
    1
}

#[monitored]
fn fails() -> Result<(), Box<dyn std::error::Error>> {
    Err("no")?;
    Ok(())
}

fn main() {
    nothing();
    unit();
    assert_eq!(number(1, 2) + number(3, 2), 6);
    assert_eq!(parse(" 4 "), Ok(4));
    assert!(parse("x").is_err());
    assert_eq!(first(&[1]), Some(&1));
    assert_eq!(tuple("ab", ""), ("ab", 2));
    assert_eq!(keyword(1) + r#match(), 2);
    assert!(fails().is_err());
}
